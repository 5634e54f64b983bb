import { followWal } from '@archive2/core/backups/follow-wal.ts';
import type { SurveyedBackup } from '@archive2/core/backups/host-survey.ts';
import { type JoinedWal, joinWal } from '@archive2/core/backups/joined-wal.ts';
import { wayTo } from '@archive2/core/backups/way-to.ts';
import type { WalPlace } from '@archive2/core/wal/backup-label.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import type { CoverageRange, CoverageReport } from '../model/coverage-report.ts';
import { type Known, known, unknown } from '../model/known.ts';
import type { HostLook } from './cluster-look.ts';

/** A backup that can be restored, and a way that its WAL leads. */
interface Start {
  readonly host: string;
  readonly name: string;
  readonly endedAtMs: number;
  readonly stop: WalPlace;
}

/**
 * What can be restored from the hosts that answered: from each complete backup's end on, along its own timeline and every one that
 * left it later, up to the end of the WAL or the first hole. A backup's end is where it was made complete, by its host's clock. Pure.
 */
export function coverageReport(hosts: readonly HostLook[]): Known<CoverageReport> {
  const answered = hosts.flatMap(({ name, survey }) => (survey.known ? [{ name, survey: survey.value }] : []));
  if (answered.length === 0) {
    return unknown(hosts.flatMap(({ survey }) => (survey.known ? [] : [survey.reason])).join('; '));
  }
  const isWhole = answered.length === hosts.length;
  const size = answered.find(({ survey }) => survey.identity !== undefined)?.survey.identity?.segmentSize;
  if (size === undefined) return known({ ranges: [], totalMs: 0, isWhole });
  const surveys = answered.map(({ survey }) => survey).filter(({ identity }) => identity?.segmentSize === size);
  const wal = joinWal(surveys, size);
  const starts = answered.flatMap(({ name, survey }) => survey.backups.flatMap((backup) => startOf(backup, name)));
  const ranges = starts.flatMap((start) => rangesFrom(start, wal));
  const joined = joinRanges(ranges);
  return known({ ranges: joined, totalMs: totalOf(joined), isWhole });
}

function startOf({ name, state, problem, parent, stop, endedMs }: SurveyedBackup, host: string): Start[] {
  if (state !== 'complete' || problem !== undefined || parent !== undefined) return [];
  return stop === undefined || endedMs === undefined ? [] : [{ host, name, stop, endedAtMs: endedMs }];
}

function rangesFrom({ host, name, stop, endedAtMs }: Start, wal: JoinedWal): CoverageRange[] {
  const targets = new Set([stop.timeline, ...wal.timelines.keys(), ...wal.descents.keys()]);
  const found = [...targets].flatMap((target): CoverageRange[] => {
    const way = wayTo(target, stop, wal);
    if (way === undefined) return [];
    const { last, timeline, end, endMs } = followWal(stop, way, wal);
    // Without even the segment in which it ends nothing can be restored from it.
    if (last === undefined) return [];
    return [
      {
        fromAtMs: endedAtMs,
        toAtMs: Math.max(endedAtMs, endMs ?? endedAtMs),
        fromLsn: formatLsn(stop.lsn),
        toLsn: formatLsn(end),
        fromTimeline: stop.timeline,
        toTimeline: timeline,
        backup: name,
        hosts: [host],
      },
    ];
  });
  // A way that does not get as far as its target ends where a nearer one does, too.
  return found.filter(
    (range, index) => found.findIndex((it) => it.toTimeline === range.toTimeline && it.toLsn === range.toLsn) === index,
  );
}

/** Ranges that end at the same place are one, from the oldest backup on that leads there: a hole parts them, a newer backup does not. */
function joinRanges(ranges: readonly CoverageRange[]): CoverageRange[] {
  const byEnd = Map.groupBy(ranges, ({ toTimeline, toLsn }) => `${toTimeline} ${toLsn}`);
  return [...byEnd.values()]
    .flatMap((same) => {
      const [oldest] = same.toSorted((a, b) => a.fromAtMs - b.fromAtMs);
      if (oldest === undefined) return [];
      const hosts = same.filter(({ fromLsn }) => fromLsn === oldest.fromLsn).flatMap((range) => range.hosts);
      return [{ ...oldest, toAtMs: Math.max(...same.map(({ toAtMs }) => toAtMs)), hosts: [...new Set(hosts)] }];
    })
    .sort((a, b) => a.fromAtMs - b.fromAtMs || a.toAtMs - b.toAtMs);
}

/** What ranges by their beginning cover together. */
function totalOf(ranges: readonly CoverageRange[]): number {
  let total = 0;
  let reached = Number.NEGATIVE_INFINITY;
  for (const { fromAtMs, toAtMs } of ranges) {
    total += Math.max(0, toAtMs - Math.max(fromAtMs, reached));
    reached = Math.max(reached, toAtMs);
  }
  return total;
}
