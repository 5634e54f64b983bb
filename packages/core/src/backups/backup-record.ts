import { Failure } from '../base/failure.ts';
import { isArchiveFileName } from '../wal/archive-file.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import { formatLsn, tryParseLsn } from '../wal/lsn.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../wal/segment-position.ts';
import { parseSegmentSize, type SegmentSize } from '../wal/segment-size.ts';
import { formatSystemIdentifier, parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts';
import { timelineFromNumber } from '../wal/timeline-id.ts';

/** backup.json: what is known of a finished base backup. It is written last, so its presence says that the backup is whole. */
export interface BackupRecord {
  /** The directory's name: "data.master.7". */
  readonly name: string;
  /** 7 */
  readonly number: number;
  readonly cluster: string;
  readonly systemIdentifier: SystemIdentifier;
  readonly postgresMajor: number;
  readonly segmentSize: SegmentSize;
  /** Where recovery begins. */
  readonly start: WalPlace;
  /** Where the backup becomes consistent. */
  readonly stop: WalPlace;
  readonly startedMs: number;
  readonly endedMs: number;
  /** What took it: "archive2 0.1.0, pg_basebackup 15.14". */
  readonly tool: string;
  /** As it lies on the disk. */
  readonly sizeBytes: number;
  readonly fileCount: number;
  /** SHA-256 of backup_manifest, hex; undefined where there is none (PostgreSQL 12). */
  readonly manifestSha256: string | undefined;
  /** True when every file was compared with the manifest and all WAL from start to stop was found in the archive. */
  readonly verified: boolean;
  /** The backup that this one, an incremental, builds on; undefined for a full one. */
  readonly parent: string | undefined;
  /** A random id of the run that took it, by which that run knows its work again after it was killed. */
  readonly run?: string | undefined;
  /** Of the data directory and tablespaces, before compression. */
  readonly sourceBytes?: number | undefined;
  /** As server_version_num: 150004. */
  readonly serverVersion?: number | undefined;
}

export function formatBackupRecord(record: BackupRecord): string {
  const { segmentSize, start, stop, startedMs, endedMs, systemIdentifier, ...rest } = record;
  const json = {
    format: 1,
    ...rest,
    systemIdentifier: formatSystemIdentifier(systemIdentifier),
    segmentSizeBytes: segmentSize,
    startSegment: segmentNameAt(start.timeline, segmentNumberOfLsn(start.lsn, segmentSize), segmentSize),
    start: formatPlace(start),
    stop: formatPlace(stop),
    startedAt: new Date(startedMs).toISOString(),
    endedAt: new Date(endedMs).toISOString(),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * Reads backup.json of the directory `directoryName`. Fields that a newer program added are passed over. Throws Failure `damaged`
 * for anything that is not the record of this very backup.
 */
export function parseBackupRecord(text: string, directoryName: string): BackupRecord {
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== 'object' || json === null) throw new Error('it is no object');
    return recordOf(json as Record<string, unknown>, directoryName);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('damaged', `backup.json of ${directoryName} is no record of that backup: ${reason}`, {
      cause: error,
      hint: 'The backup does not count as complete. Its files are not touched.',
    });
  }
}

function recordOf(json: Record<string, unknown>, directoryName: string): BackupRecord {
  if (json['format'] !== 1) throw new Error(`format ${String(json['format'])} is not 1`);
  const segmentSize = parseSegmentSize(count(json, 'segmentSizeBytes'));
  const record: BackupRecord = {
    name: text(json, 'name'),
    number: count(json, 'number'),
    cluster: text(json, 'cluster'),
    systemIdentifier: parseSystemIdentifier(text(json, 'systemIdentifier')),
    postgresMajor: count(json, 'postgresMajor'),
    segmentSize,
    start: parsePlace(json['start'], 'start'),
    stop: parsePlace(json['stop'], 'stop'),
    startedMs: time(json, 'startedAt'),
    endedMs: time(json, 'endedAt'),
    tool: text(json, 'tool'),
    sizeBytes: count(json, 'sizeBytes'),
    fileCount: count(json, 'fileCount'),
    manifestSha256: optional(json, 'manifestSha256'),
    verified: flag(json, 'verified'),
    parent: optional(json, 'parent'),
    run: optional(json, 'run'),
    sourceBytes: optionalCount(json, 'sourceBytes'),
    serverVersion: optionalCount(json, 'serverVersion'),
  };
  if (record.name !== directoryName) throw new Error(`it is of ${record.name}`);
  if (record.stop.lsn < record.start.lsn) throw new Error('it stops before it starts');
  if (record.manifestSha256 !== undefined && !/^[0-9a-f]{64}$/.test(record.manifestSha256)) {
    throw new Error('manifestSha256 is no SHA-256');
  }
  const startSegment = text(json, 'startSegment');
  const expected = segmentNameAt(record.start.timeline, segmentNumberOfLsn(record.start.lsn, segmentSize), segmentSize);
  if (!isArchiveFileName(startSegment) || startSegment !== expected) {
    throw new Error(`its start lies in ${expected}, not in ${startSegment}`);
  }
  return record;
}

/** As it is written in JSON: {"timeline": 1, "lsn": "0/3000028"}. */
export function formatPlace({ timeline, lsn }: WalPlace): { timeline: number; lsn: string } {
  return { timeline, lsn: formatLsn(lsn) };
}

/** Throws an Error naming `what` for anything but a place in the WAL. */
export function parsePlace(value: unknown, what: string): WalPlace {
  const { timeline, lsn } = (value ?? {}) as Record<string, unknown>;
  const place = {
    timeline: typeof timeline === 'number' ? timelineFromNumber(timeline) : undefined,
    lsn: typeof lsn === 'string' ? tryParseLsn(lsn) : undefined,
  };
  if (place.timeline === undefined || place.lsn === undefined) throw new Error(`${what} is no place in the WAL`);
  return { timeline: place.timeline, lsn: place.lsn };
}

function text(json: Record<string, unknown>, key: string): string {
  const value = json[key];
  if (typeof value !== 'string' || value === '') throw new Error(`${key} is missing`);
  return value;
}

function optional(json: Record<string, unknown>, key: string): string | undefined {
  return json[key] === undefined || json[key] === null ? undefined : text(json, key);
}

function optionalCount(json: Record<string, unknown>, key: string): number | undefined {
  return json[key] === undefined || json[key] === null ? undefined : count(json, key);
}

function count(json: Record<string, unknown>, key: string): number {
  const value = json[key];
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error(`${key} is no whole number`);
  return value as number;
}

function flag(json: Record<string, unknown>, key: string): boolean {
  const value = json[key];
  if (typeof value !== 'boolean') throw new Error(`${key} is neither true nor false`);
  return value;
}

function time(json: Record<string, unknown>, key: string): number {
  const ms = Date.parse(text(json, key));
  if (Number.isNaN(ms)) throw new Error(`${key} is no time`);
  return ms;
}
