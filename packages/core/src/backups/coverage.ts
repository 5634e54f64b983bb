import type { WalPlace } from '../wal/backup-label.ts';
import { type Hole, holesAmong } from '../wal/holes.ts';
import { segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import { type CoveredBackup, listCoveredBackups } from './covered-backups.ts';
import { followWal, type Reach } from './follow-wal.ts';
import { JoinedWal, type SurveyedHost } from './joined-wal.ts';
import { findSingleCopies, type SingleCopy } from './single-copies.ts';
import { wayTo } from './way-to.ts';

/**
 * Points in time that can be restored without a gap: from the end of a backup to the end of the WAL that follows on it. Milliseconds
 * since the Unix epoch.
 *
 * `fromMs` is when the backup was complete, by its archive host's clock; it is consistent a little earlier. `toMs` is when the server
 * last wrote to the last segment, by the server's clock: commits up to then are in it, and of those after the last commit in it
 * PostgreSQL says that the target was not reached. Where the way leaves a timeline within WAL that the hosts have in one run, `toMs` is
 * estimated. A backup on whose WAL nothing follows covers the moment of its end.
 */
interface CoverageRange {
  readonly fromMs: number;
  readonly toMs: number;
  /** The oldest backup that leads through the whole range; any of `backups` leads to its end. */
  readonly backup: CoveredBackup;
  readonly backups: readonly CoveredBackup[];
  /** From where on that backup needs archived WAL. */
  readonly from: WalPlace;
  /** How far its WAL leads, who has it, and why it ends there. */
  readonly reach: Reach;
}

export interface CoverageWindow {
  readonly fromMs: number;
  readonly toMs: number;
}

/** What can be restored from the hosts that answered, together. */
export interface Coverage {
  /** Every complete backup, oldest first, those that cannot be restored with the reason. */
  readonly backups: readonly CoveredBackup[];
  /** By time. They overlap where timelines do; what lies within another one is left out. */
  readonly ranges: readonly CoverageRange[];
  /** The same without overlaps, and how long that is. */
  readonly windows: readonly CoverageWindow[];
  readonly totalMs: number;
  /** What no host has although later WAL is archived, accepted ones too: a recovery ends at either. */
  readonly holes: readonly Hole[];
  /** What only one of two hosts has, of the WAL that backups need; empty while one did not answer. */
  readonly singleCopies: readonly SingleCopy[];
  /** Hosts that did not answer: there may be more than this. */
  readonly away: readonly string[];
}

/**
 * Joins what one or two hosts of one cluster say. A range begins with a backup, and ends with the WAL or at the first segment that no host
 * has, accepted or not: WAL is never replayed over a hole. Pure.
 */
export function coverageOf(hosts: readonly SurveyedHost[], away: readonly string[]): Coverage {
  const size = hosts.find(({ survey }) => survey.identity !== undefined)?.survey.identity?.segmentSize;
  const own = hosts.filter(({ survey }) => survey.identity?.segmentSize === size);
  if (size === undefined) {
    return { backups: [], ranges: [], windows: [], totalMs: 0, holes: [], singleCopies: [], away };
  }
  const wal = new JoinedWal(own, size);
  const found = listCoveredBackups(own).map((backup) => ({ backup, stretches: stretchesFrom(backup, wal) }));
  const ranges = rangesOf(found.flatMap(({ stretches }) => stretches));
  const windows = joinWindows(ranges);
  return {
    backups: found.map(({ backup, stretches }) => withProblem(backup, stretches)),
    ranges,
    windows,
    totalMs: windows.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0),
    holes: holesOf(own, wal),
    singleCopies: away.length > 0 ? [] : findSingleCopies(own, wal),
    away,
  };
}

/** The way from one backup along one timeline. */
interface Stretch {
  readonly backup: CoveredBackup;
  readonly from: WalPlace;
  readonly fromMs: number;
  readonly toMs: number;
  readonly reach: Reach;
}

/** The ways from a backup that make it consistent at least. */
function stretchesFrom(covered: CoveredBackup, wal: JoinedWal): Stretch[] {
  const { start, stop, endedMs } = covered.backup;
  if (covered.problem !== undefined || start === undefined || endedMs === undefined) return [];
  // What it brings itself leads up to its stop.
  const from = covered.bringsWal && stop !== undefined ? stop : start;
  const targets = new Set([start.timeline, ...wal.timelines.keys(), ...wal.descents.keys()]);
  const stretches = [...targets].flatMap((target): Stretch[] => {
    const way = wayTo(target, stop ?? start, wal);
    if (way === undefined) return [];
    const reach = followWal(from, way, wal);
    if (!isConsistent(covered, reach)) return [];
    return [{ backup: covered, from, fromMs: endedMs, toMs: Math.max(endedMs, reach.endMs ?? endedMs), reach }];
  });
  const leading = stretches.filter(({ reach }) => reach.last !== undefined);
  if (leading.length > 0) return leading;
  // Why nothing follows is known best where something is missing.
  return [stretches.find(({ reach }) => reach.missing !== undefined) ?? stretches[0]].filter((it) => it !== undefined);
}

/** Where the stop is not known, it is before the moment at which the backup was complete. */
function isConsistent({ backup, bringsWal }: CoveredBackup, reach: Reach): boolean {
  const { stop, endedMs = Number.POSITIVE_INFINITY } = backup;
  if (stop === undefined) return (reach.endMs ?? Number.NEGATIVE_INFINITY) >= endedMs;
  return bringsWal || reach.end >= stop.lsn;
}

function withProblem(covered: CoveredBackup, stretches: readonly Stretch[]): CoveredBackup {
  if (covered.problem !== undefined || stretches.length > 0) return covered;
  return { ...covered, problem: 'the WAL that makes it consistent is on no host' };
}

/** Stretches that end at the same place are one range, from the oldest backup on that leads there. */
function rangesOf(stretches: readonly Stretch[]): CoverageRange[] {
  const byEnd = Map.groupBy(stretches, endOf);
  const ranges = [...byEnd.values()].flatMap((same): CoverageRange[] => {
    const [oldest] = same.toSorted((a, b) => a.fromMs - b.fromMs);
    if (oldest === undefined) return [];
    // On the way to one timeline the WAL may end where it is missing on the way to another one.
    const missing = same.find(({ reach }) => reach.missing !== undefined)?.reach.missing;
    return [
      {
        ...oldest,
        reach: { ...oldest.reach, missing },
        toMs: Math.max(...same.map(({ toMs }) => toMs)),
        backups: [...new Set(same.map(({ backup }) => backup))],
      },
    ];
  });
  return ranges
    .filter((range, index) => !isElsewhere(range, index, ranges))
    .sort((a, b) => a.fromMs - b.fromMs || a.toMs - b.toMs);
}

/** Of two that lie within each other, the first one stays. */
function isElsewhere(range: CoverageRange, index: number, ranges: readonly CoverageRange[]): boolean {
  return ranges.some(
    (other, at) => at !== index && liesWithin(range, other) && (at < index || !liesWithin(other, range)),
  );
}

function endOf({ reach, backup }: Stretch): string {
  return reach.last ?? `${backup.name} ${backup.hosts.join(' ')}`;
}

/** Whether all that one range restores, another one restores too: a way that ends early on the way of another. */
function liesWithin(range: CoverageRange, other: CoverageRange): boolean {
  if (other.fromMs > range.fromMs || other.toMs < range.toMs) return false;
  const spans = spansOf(other.reach);
  return [...spansOf(range.reach)].every(([timeline, { first, last }]) => {
    const span = spans.get(timeline);
    return span !== undefined && span.first <= first && span.last >= last;
  });
}

/** A reach has no gap, so that its segments of a timeline lie in a row. */
function spansOf({ pieces }: Reach): Map<TimelineId, { first: number; last: number }> {
  const spans = new Map<TimelineId, { first: number; last: number }>();
  for (const { timeline, first, last } of pieces) {
    spans.set(timeline, { first: spans.get(timeline)?.first ?? first, last });
  }
  return spans;
}

function joinWindows(ranges: readonly CoverageRange[]): CoverageWindow[] {
  const windows: { fromMs: number; toMs: number }[] = [];
  for (const { fromMs, toMs } of ranges) {
    const before = windows.at(-1);
    if (before === undefined || fromMs > before.toMs) windows.push({ fromMs, toMs });
    else before.toMs = Math.max(before.toMs, toMs);
  }
  return windows;
}

function holesOf(hosts: readonly SurveyedHost[], wal: JoinedWal): Hole[] {
  const { segmentSize, accepted, descents } = wal;
  const starts = hosts.flatMap(({ survey }) =>
    survey.backups.flatMap(({ state, start }) => (state === 'complete' && start ? [start] : [])),
  );
  const backups = starts.map(({ timeline, lsn }) => ({
    timeline,
    segment: Number(segmentNumberOfLsn(lsn, segmentSize)),
  }));
  return holesAmong(wal.numbers(), { descents: [...descents.values()], backups, accepted, segmentSize });
}
