import type { ArchivePlace, PlaceAnswer } from '../../../packages/core/src/backups/archive-place.ts';
import type { HostSurvey, SurveyedBackup, WalRun } from '../../../packages/core/src/backups/host-survey.ts';
import { type Lsn, lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { segmentNameAt } from '../../../packages/core/src/wal/segment-position.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { systemIdentifierFromNumber } from '../../../packages/core/src/wal/system-identifier.ts';
import { type TimelineId, timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';

export const segmentSize = parseSegmentSize(2 ** 20);

/** The surveys are of this moment; segment n was written until minute n after the epoch of the tests. */
export const minuteMs = (minute: number) => Date.parse('2026-11-21T10:00:00Z') + minute * 60_000;

export const timelineOf = (number: number): TimelineId => timelineFromNumber(number) as TimelineId;

export const lsnInSegment = (segment: number, offset = 0x28): Lsn =>
  lsnFromBytes(BigInt(segment) * BigInt(segmentSize) + BigInt(offset));

export const segmentOf = (timeline: number, number: number) =>
  segmentNameAt(timelineOf(timeline), BigInt(number), segmentSize);

export const runOf = (timeline: number, from: number, to: number): WalRun => ({
  timeline: timelineOf(timeline),
  from: segmentOf(timeline, from),
  to: segmentOf(timeline, to),
  count: to - from + 1,
  fromMs: minuteMs(from),
  toMs: minuteMs(to),
});

/** Timelines that branched from each other, each within a segment. */
export const descentOf = (timeline: number, ...ancestors: (readonly [timeline: number, segment: number])[]) => ({
  timeline: timelineOf(timeline),
  ancestors: ancestors.map(([ancestor, segment]) => ({
    timeline: timelineOf(ancestor),
    switchLsn: lsnInSegment(segment, 0x8000),
    reason: 'no recovery target specified',
  })),
});

/** A complete backup that begins in one segment and ends in another, at its minute. */
export function backupOf(
  number: number,
  start: number,
  stop: number,
  { timeline = 1, ...fields }: Partial<SurveyedBackup> & { timeline?: number } = {},
): SurveyedBackup {
  return {
    name: `data.master.${number}`,
    number,
    state: 'complete',
    problem: undefined,
    start: { timeline: timelineOf(timeline), lsn: lsnInSegment(start) },
    stop: { timeline: timelineOf(timeline), lsn: lsnInSegment(stop, 0x100) },
    startedMs: minuteMs(start),
    endedMs: minuteMs(stop),
    sizeBytes: 10_000_000,
    sourceBytes: 40_000_000,
    fileCount: 1000,
    serverVersion: 150_004,
    manifestSha256: `${number}`.repeat(64).slice(0, 64),
    parent: undefined,
    files: [
      { name: 'backup_manifest', sizeBytes: 100_000 },
      { name: 'base.tar.zst', sizeBytes: 9_000_000 },
      { name: 'pg_wal.tar.zst', sizeBytes: 900_000 },
    ],
    ...fields,
  };
}

export function surveyOf(host: string, fields: Partial<HostSurvey> = {}): HostSurvey {
  return {
    host,
    nowMs: minuteMs(60),
    program: '0.1.0',
    storeId: host,
    cluster: 'main',
    identity: {
      systemIdentifier: systemIdentifierFromNumber(7_000_000_000_000_000_001n)!,
      segmentSize,
      postgresMajor: 15,
    },
    backups: [],
    wal: [],
    descents: [],
    accepted: [],
    debts: { count: 0, oldestMs: undefined },
    disk: { freeBytes: 2 ** 40, totalBytes: 2 ** 41, freeInodes: 1_000_000 },
    quarantined: 0,
    pins: [],
    lastCleanupMs: undefined,
    lastSync: undefined,
    problems: [],
    ...fields,
  };
}

const placeNamed = (name: string) => ({ name, isLocal: false }) as ArchivePlace;

export const answerOf = (name: string, fields: Partial<HostSurvey> = {}): PlaceAnswer => ({
  place: placeNamed(name),
  survey: surveyOf(name, fields),
});

export const silenceOf = (name: string): PlaceAnswer => ({
  place: placeNamed(name),
  problem: new Error(`${name} refused the connection`),
});
