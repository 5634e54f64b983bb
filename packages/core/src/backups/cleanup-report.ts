import { Failure } from '../base/failure.ts';
import { isArchiveFileName, parseArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import { timelineFromNumber } from '../wal/timeline-id.ts';
import type { TimelineShare } from './cleanup-plan.ts';

/** What a cleanup does, or has done, on one host. */
export interface CleanupReport {
  readonly host: string;
  readonly dryRun: boolean;
  /** Archive files before the cleanup. */
  readonly files: number;
  readonly oldestNeeded: {
    readonly segment: SegmentName;
    /** Whose it is. */
    readonly host: string;
    readonly holder: string;
  };
  /** What lies below this segment number goes: the oldest needed, or less by --keep-days. */
  readonly removeBelow: bigint;
  /** What goes, by timeline. */
  readonly timelines: readonly TimelineShare[];
  /** How many files are gone. Fewer than planned: they changed, or something began to need them. */
  readonly removed: number;
}

export function plannedFiles({ timelines }: CleanupReport): number {
  return timelines.reduce((sum, { files }) => sum + files, 0);
}

export function plannedBytes({ timelines }: CleanupReport): number {
  return timelines.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** True when nothing is left below `removeBelow`, so that its tombstones on the other host are of no use any more. */
export function isDone(report: CleanupReport): boolean {
  return !report.dryRun && report.removed === plannedFiles(report);
}

/** As it crosses the session. */
export function formatCleanupReport(report: CleanupReport): Buffer {
  return Buffer.from(JSON.stringify({ ...report, removeBelow: String(report.removeBelow) }));
}

/** Throws Failure `protocol` for anything that is no report. */
export function parseCleanupReport(body: Buffer): CleanupReport {
  try {
    const json = JSON.parse(body.toString('utf8')) as Record<string, unknown>;
    const oldest = (json['oldestNeeded'] ?? {}) as Record<string, unknown>;
    const timelines = json['timelines'];
    if (!Array.isArray(timelines)) throw new Error('timelines are no list');
    const segment = archiveFile(oldest['segment']);
    if (segment.kind !== 'segment') throw new Error('oldestNeeded is no segment');
    return {
      host: text(json['host']),
      dryRun: json['dryRun'] === true,
      files: count(json['files']),
      oldestNeeded: { segment: segment.name, host: text(oldest['host']), holder: text(oldest['holder']) },
      removeBelow: number(json['removeBelow']),
      timelines: timelines.map((share) => parseShare((share ?? {}) as Record<string, unknown>)),
      removed: count(json['removed']),
    };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('protocol', `the report of the other archive host cannot be read: ${reason}`, { cause: error });
  }
}

function parseShare(json: Record<string, unknown>): TimelineShare {
  const timeline = timelineFromNumber(Number(json['timeline']));
  if (timeline === undefined) throw new Error('a timeline is none');
  return {
    timeline,
    files: count(json['files']),
    bytes: count(json['bytes']),
    first: archiveFile(json['first']).name,
    last: archiveFile(json['last']).name,
  };
}

function archiveFile(value: unknown) {
  if (typeof value !== 'string' || !isArchiveFileName(value)) throw new Error('a name is none');
  return parseArchiveFileName(value);
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value.length > 1000) throw new Error('a text is none');
  return value;
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error('a count is none');
  return value as number;
}

function number(value: unknown): bigint {
  if (typeof value !== 'string' || !/^[0-9]{1,20}$/.test(value)) throw new Error('a segment number is none');
  return BigInt(value);
}
