import { Failure } from '../base/failure.ts';
import { formatAcceptedHole, parseAcceptedHole } from '../wal/accepted-hole.ts';
import { isArchiveFileName, parseArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import type { Descent } from '../wal/later-wal.ts';
import { formatLsn, tryParseLsn } from '../wal/lsn.ts';
import { segmentNumber } from '../wal/segment-position.ts';
import { parseSegmentSize, type SegmentSize } from '../wal/segment-size.ts';
import { formatSystemIdentifier, parseSystemIdentifier } from '../wal/system-identifier.ts';
import { type TimelineId, timelineFromNumber } from '../wal/timeline-id.ts';
import { isBackupFileName, maxBackupFiles } from './backup-files.ts';
import { formatPlace, parsePlace } from './backup-record.ts';
import type { HostSurvey, SurveyedBackup, WalRun } from './host-survey.ts';
import type { BackupState } from './read-backup.ts';

/** As large as a survey may be: a hundred thousand runs are 12 MB. */
export const maxSurveyBytes = 64 * 2 ** 20;

const maxText = 500;
const maxBackups = 2000;
const maxRuns = 500_000;
const maxDescents = 10_000;
const maxListed = 10_000;
/** Of all runs together: as many 16 MB segments are 320 TB. Who reads a survey may list them all. */
const maxSegments = 20_000_000;

/**
 * A survey as JSON, as it crosses the session. Texts that are too long are cut; of lists that are too long the end is left out. Fields
 * that are undefined are left out.
 */
export function formatHostSurvey(survey: HostSurvey): Buffer {
  const { identity, backups, wal, descents, accepted, pins, problems, host, lastSync, ...rest } = survey;
  const json = {
    format: 1,
    ...rest,
    host: cut(host),
    ...(identity === undefined ? {} : { identity: formatIdentity(identity) }),
    backups: backups.slice(0, maxBackups).map(formatBackup),
    // Most of a large survey: without the names of the fields.
    wal: wal.slice(0, maxRuns).map(({ timeline, from, to, fromMs, toMs }) => [timeline, from, to, fromMs, toMs]),
    descents: descents.slice(0, maxDescents).map(formatDescent),
    accepted: accepted.slice(0, maxListed).map((hole) => JSON.parse(formatAcceptedHole(hole)) as unknown),
    pins: pins
      .slice(0, maxListed)
      .map(({ holder, from, expiresMs }) => ({ holder: cut(holder), from: formatPlace(from), expiresMs })),
    ...(lastSync === undefined ? {} : { lastSync: { ...lastSync, peer: cut(lastSync.peer) } }),
    problems: problems.slice(0, maxListed).map(({ what, reason }) => ({ what: cut(what), reason: cut(reason) })),
  };
  return Buffer.from(JSON.stringify(json));
}

function formatIdentity({ systemIdentifier, segmentSize, postgresMajor }: ClusterIdentity) {
  return {
    systemIdentifier: formatSystemIdentifier(systemIdentifier),
    segmentSizeBytes: segmentSize,
    ...(postgresMajor === undefined ? {} : { postgresMajor }),
  };
}

function formatBackup({ start, stop, problem, parent, ...backup }: SurveyedBackup) {
  return {
    ...backup,
    name: cut(backup.name),
    ...(problem === undefined ? {} : { problem: cut(problem) }),
    ...(parent === undefined ? {} : { parent: cut(parent) }),
    ...(start === undefined ? {} : { start: formatPlace(start) }),
    ...(stop === undefined ? {} : { stop: formatPlace(stop) }),
  };
}

function formatDescent({ timeline, ancestors }: Descent) {
  const entries = ancestors.map((ancestor) => [ancestor.timeline, formatLsn(ancestor.switchLsn), cut(ancestor.reason)]);
  return { timeline, ancestors: entries };
}

function cut(text: string): string {
  return text.slice(0, maxText);
}

type Json = Record<string, unknown>;

/** Throws Failure `protocol` for anything that is no survey. Fields that a newer program added are passed over. */
export function parseHostSurvey(body: Buffer): HostSurvey {
  try {
    if (body.length > maxSurveyBytes) throw new Error(`it is larger than ${maxSurveyBytes} bytes`);
    return surveyOf(object(JSON.parse(body.toString('utf8')), 'it'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('protocol', `the survey of the archive host cannot be read: ${reason}`, { cause: error });
  }
}

function surveyOf(json: Json): HostSurvey {
  if (json['format'] !== 1) throw new Error(`format ${String(json['format']).slice(0, 20)} is not 1`);
  const identity = optional(json, 'identity', identityOf);
  const wal = list(json, 'wal', maxRuns, (value) => runOf(value, identity?.segmentSize));
  const segments = wal.reduce((sum, run) => sum + run.count, 0);
  if (segments > maxSegments) throw new Error(`it has ${segments} segments`);
  const debts = object(json['debts'], 'debts');
  const disk = object(json['disk'], 'disk');
  return {
    host: text(json, 'host'),
    nowMs: count(json, 'nowMs'),
    program: text(json, 'program'),
    storeId: optionalText(json, 'storeId'),
    cluster: text(json, 'cluster'),
    identity,
    backups: list(json, 'backups', maxBackups, backupOf),
    wal,
    descents: list(json, 'descents', maxDescents, descentOf),
    accepted: list(json, 'accepted', maxListed, parseAcceptedHole),
    debts: { count: count(debts, 'count'), oldestMs: optionalCount(debts, 'oldestMs') },
    disk: {
      freeBytes: count(disk, 'freeBytes'),
      totalBytes: count(disk, 'totalBytes'),
      freeInodes: count(disk, 'freeInodes'),
    },
    quarantined: count(json, 'quarantined'),
    pins: list(json, 'pins', maxListed, pinOf),
    lastCleanupMs: optionalCount(json, 'lastCleanupMs'),
    lastSync: optional(json, 'lastSync', syncOf),
    problems: list(json, 'problems', maxListed, (value) => {
      const problem = object(value, 'a problem');
      return { what: text(problem, 'what'), reason: text(problem, 'reason') };
    }),
  };
}

function identityOf(value: unknown): ClusterIdentity {
  const json = object(value, 'identity');
  return {
    systemIdentifier: parseSystemIdentifier(text(json, 'systemIdentifier')),
    segmentSize: parseSegmentSize(count(json, 'segmentSizeBytes')),
    postgresMajor: optionalCount(json, 'postgresMajor'),
  };
}

const states: readonly BackupState[] = ['complete', 'unfinished', 'partial', 'abandoned'];

function backupOf(value: unknown): SurveyedBackup {
  const json = object(value, 'a backup');
  const state = states.find((known) => known === json['state']);
  if (state === undefined) throw new Error('a backup has no known state');
  return {
    name: text(json, 'name'),
    number: optionalCount(json, 'number'),
    state,
    problem: optionalText(json, 'problem'),
    start: optional(json, 'start', placeOf),
    stop: optional(json, 'stop', placeOf),
    startedMs: count(json, 'startedMs'),
    endedMs: optionalCount(json, 'endedMs'),
    sizeBytes: optionalCount(json, 'sizeBytes'),
    sourceBytes: optionalCount(json, 'sourceBytes'),
    fileCount: optionalCount(json, 'fileCount'),
    serverVersion: optionalCount(json, 'serverVersion'),
    manifestSha256: optionalText(json, 'manifestSha256'),
    parent: optionalText(json, 'parent'),
    files: list(json, 'files', maxBackupFiles, (file) => {
      const { name, sizeBytes } = object(file, 'a file');
      if (typeof name !== 'string' || !isBackupFileName(name)) throw new Error('a file of a backup has no usable name');
      return { name, sizeBytes: count({ sizeBytes }, 'sizeBytes') };
    }),
  };
}

function placeOf(value: unknown): WalPlace {
  return parsePlace(value, 'a place of a backup');
}

function runOf(value: unknown, size: SegmentSize | undefined): WalRun {
  if (size === undefined) throw new Error('there is WAL without an identity');
  const [timeline, from, to, fromMs, toMs] = Array.isArray(value) ? (value as unknown[]) : [];
  const [first, last] = [segmentOf(from, timeline, size), segmentOf(to, timeline, size)];
  if (first.number > last.number) throw new Error('a run of WAL ends before it begins');
  const run = { fromMs, toMs };
  return {
    timeline: first.timeline,
    from: first.name,
    to: last.name,
    count: Number(last.number - first.number) + 1,
    fromMs: count(run, 'fromMs'),
    toMs: count(run, 'toMs'),
  };
}

function segmentOf(
  value: unknown,
  timeline: unknown,
  size: SegmentSize,
): { name: SegmentName; timeline: TimelineId; number: bigint } {
  const file = typeof value === 'string' && isArchiveFileName(value) ? parseArchiveFileName(value) : undefined;
  if (file?.kind !== 'segment' || file.timeline !== timeline) throw new Error('a run of WAL has no segment at its end');
  return { name: file.name, timeline: file.timeline, number: segmentNumber(file, size) };
}

function descentOf(value: unknown): Descent {
  const json = object(value, 'a history');
  const ancestors = list(json, 'ancestors', maxListed, (entry) => {
    const [timeline, lsn, reason] = Array.isArray(entry) ? (entry as unknown[]) : [];
    const switchLsn = typeof lsn === 'string' ? tryParseLsn(lsn) : undefined;
    if (switchLsn === undefined || !isText(reason)) throw new Error('an ancestor of a timeline is none');
    return { timeline: timelineOf(timeline), switchLsn, reason };
  });
  return { timeline: timelineOf(json['timeline']), ancestors };
}

function timelineOf(value: unknown): TimelineId {
  const timeline = typeof value === 'number' ? timelineFromNumber(value) : undefined;
  if (timeline === undefined) throw new Error('a timeline is none');
  return timeline;
}

function pinOf(value: unknown): HostSurvey['pins'][number] {
  const json = object(value, 'a pin');
  return { holder: text(json, 'holder'), from: parsePlace(json['from'], 'a pin'), expiresMs: count(json, 'expiresMs') };
}

function syncOf(value: unknown): NonNullable<HostSurvey['lastSync']> {
  const json = object(value, 'lastSync');
  const { isEqual } = json;
  if (typeof isEqual !== 'boolean') throw new Error('isEqual is missing');
  return { endedMs: count(json, 'endedMs'), peer: text(json, 'peer'), isEqual };
}

function object(value: unknown, what: string): Json {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`${what} is no object`);
  return value as Json;
}

function list<T>(json: Json, key: string, most: number, itemOf: (value: unknown) => T): T[] {
  const value = json[key];
  if (!Array.isArray(value) || value.length > most) throw new Error(`${key} is no list of at most ${most}`);
  return value.map(itemOf);
}

function optional<T>(json: Json, key: string, valueOf: (value: unknown) => T): T | undefined {
  return json[key] === undefined ? undefined : valueOf(json[key]);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxText;
}

function text(json: Json, key: string): string {
  const value = json[key];
  if (!isText(value)) throw new Error(`${key} is no text`);
  return value;
}

function optionalText(json: Json, key: string): string | undefined {
  return json[key] === undefined ? undefined : text(json, key);
}

function count(json: Json, key: string): number {
  const value = json[key];
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new Error(`${key} is no whole number`);
  return value as number;
}

function optionalCount(json: Json, key: string): number | undefined {
  return json[key] === undefined ? undefined : count(json, key);
}
