import type { BackupReport } from '../../model/backup-report.ts';
import type { HostReport } from '../../model/host-report.ts';
import type { WalBand, WalReport } from '../../model/wal-report.ts';
import { isUsable } from '../backup-facts.ts';
import type { LastAnswer } from '../keep/last-answers.ts';
import type { Band, Lane, Mark } from './picture.ts';
import { unknownBand } from './unknown-band.ts';

interface HostLaneInput {
  host: HostReport;
  label: string;
  wal: WalReport;
  /** What it said when it answered last. */
  last: LastAnswer | undefined;
  nowMs: number;
}

/** An archive host over time: its WAL, what of it no other host has, the holes, and its base backups. Pure. */
export function hostLane({ host, label, wal, last, nowMs }: HostLaneInput): Lane {
  if (host.wal.known && host.backups.known) {
    const backups = host.backups.value;
    return {
      name: label,
      note: counted(backups.filter(isUsable).length, 'backup'),
      bands: [...walBands(host.wal.value, 'wal'), ...singleBands(host, wal), ...holeBands(wal)],
      marks: [...timelineMarks(host.wal.value), ...backups.flatMap((backup) => backupMark(backup, nowMs))],
    };
  }
  const reason = host.wal.known ? 'its backups could not be listed' : host.wal.reason;
  const lane = { name: label, note: 'does not say' };
  const before = last?.host;
  if (last === undefined || !before?.wal.known || !before.backups.known) {
    return { ...lane, bands: [unknownBand(reason, nowMs)], marks: [] };
  }
  return {
    ...lane,
    bands: [
      ...walBands(before.wal.value, 'remembered'),
      { kind: 'unknown', fromMs: last.atMs, toMs: nowMs, what: `not known: ${reason}` },
    ],
    marks: before.backups.value.flatMap((backup) => backupMark(backup, nowMs)),
  };
}

function walBands(bands: readonly WalBand[], kind: 'wal' | 'remembered'): Band[] {
  const from = kind === 'wal' ? '' : ', as it was when the host answered last';
  return bands.map(({ fromAtMs, toAtMs, count, timeline }) => ({
    kind,
    fromMs: fromAtMs,
    toMs: toAtMs,
    what: `${counted(count, 'segment')} of timeline ${timeline}${from}`,
  }));
}

function singleBands({ name }: HostReport, { singleCopies }: WalReport): Band[] {
  if (!singleCopies.known) return [];
  const own = singleCopies.value.filter(({ host }) => host === name);
  return own.map(({ fromAtMs, toAtMs, count }) => ({
    kind: 'single',
    fromMs: fromAtMs,
    toMs: toAtMs,
    what: `${counted(count, 'segment')} on this host only`,
  }));
}

/** Holes are on no host, so they are in every host's lane. */
function holeBands({ holes }: WalReport): Band[] {
  if (!holes.known) return [];
  return holes.value.flatMap(({ fromAtMs, toAtMs, count, from, accepted }) => {
    const fromMs = fromAtMs ?? toAtMs;
    const toMs = toAtMs ?? fromAtMs;
    if (fromMs === null || toMs === null) return [];
    const what = `hole: ${counted(count, 'segment')} from ${from} on no host`;
    return [
      accepted === null
        ? { kind: 'hole' as const, fromMs, toMs, what }
        : { kind: 'accepted' as const, fromMs, toMs, what: `${what}, accepted by ${accepted.who}: ${accepted.why}` },
    ];
  });
}

/** Where a timeline begins that is not the first one here. */
function timelineMarks(bands: readonly WalBand[]): Mark[] {
  const begins = new Map<number, number>();
  for (const { timeline, fromAtMs } of bands) {
    begins.set(timeline, Math.min(begins.get(timeline) ?? Number.POSITIVE_INFINITY, fromAtMs));
  }
  const first = Math.min(...begins.keys());
  return [...begins]
    .filter(([timeline]) => timeline !== first)
    .map(([timeline, atMs]) => ({ kind: 'timeline', atMs, sinceMs: null, what: `timeline ${timeline} begins` }));
}

function backupMark(backup: BackupReport, nowMs: number): Mark[] {
  const { name, state, problem, startedAtMs, endedAtMs } = backup;
  if (state === 'partial') {
    return startedAtMs === null
      ? []
      : [{ kind: 'running', atMs: nowMs, sinceMs: startedAtMs, what: `${name} is being taken` }];
  }
  const atMs = endedAtMs ?? startedAtMs;
  if (atMs === null) return [];
  if (isUsable(backup)) return [{ kind: 'backup', atMs, sinceMs: startedAtMs, what: `${name} is complete` }];
  const why = problem ?? (state === 'unfinished' ? 'its WAL is missing' : 'whoever took it has died');
  return [{ kind: 'broken', atMs, sinceMs: startedAtMs, what: `${name} cannot be used: ${why}` }];
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
