import type { WalRun } from '@archive2/core/backups/host-survey.ts';
import { parseArchiveFileName, type SegmentName } from '@archive2/core/wal/archive-file.ts';
import { segmentNameAt, segmentNumber } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import type { TimelineId } from '@archive2/core/wal/timeline-id.ts';
import type { WalBand } from '../model/wal-report.ts';

/** Full segments in a row by their numbers, which are below 2^44; both ends inclusive. */
export interface SegmentRun {
  readonly timeline: TimelineId;
  readonly from: number;
  readonly to: number;
  readonly fromAtMs: number;
  readonly toAtMs: number;
}

export function segmentRuns(runs: readonly WalRun[], size: SegmentSize): SegmentRun[] {
  return runs.map(({ timeline, from, to, fromMs, toMs }) => ({
    timeline,
    from: numberOfName(from, size),
    to: numberOfName(to, size),
    fromAtMs: fromMs,
    toAtMs: toMs,
  }));
}

export function numberOfName(name: SegmentName, size: SegmentSize): number {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') throw new Error(`${name} is no segment`);
  return Number(segmentNumber(file, size));
}

export function nameOfNumber(timeline: TimelineId, number: number, size: SegmentSize): SegmentName {
  return segmentNameAt(timeline, BigInt(number), size);
}

/** What is in `runs` and not in `others`, from the segment `first` on; cut times are estimated by position. Pure. */
export function missingFrom(runs: readonly SegmentRun[], others: readonly SegmentRun[], first: number): SegmentRun[] {
  const missing: SegmentRun[] = [];
  for (const run of runs) {
    const covering = others
      .filter(({ timeline, from, to }) => timeline === run.timeline && to >= run.from && from <= run.to)
      .sort((a, b) => a.from - b.from);
    let next = Math.max(run.from, first);
    for (const { from, to } of covering) {
      if (from > next) missing.push(partOf(run, next, from - 1));
      next = Math.max(next, to + 1);
    }
    if (next <= run.to) missing.push(partOf(run, next, run.to));
  }
  return missing;
}

function partOf(run: SegmentRun, from: number, to: number): SegmentRun {
  return { timeline: run.timeline, from, to, fromAtMs: timeWithin(run, from), toAtMs: timeWithin(run, to) };
}

function timeWithin({ from, to, fromAtMs, toAtMs }: SegmentRun, number: number): number {
  if (from === to) return toAtMs;
  return Math.round(fromAtMs + ((toAtMs - fromAtMs) * (number - from)) / (to - from));
}

/** All numbers of all runs, each once, by timeline and sorted, as findHoles wants them. */
export function numbersOf(runs: readonly SegmentRun[]): Map<TimelineId, Float64Array> {
  const byTimeline = Map.groupBy(runs, ({ timeline }) => timeline);
  return new Map([...byTimeline].map(([timeline, own]) => [timeline, numbersOfTimeline(own)]));
}

function numbersOfTimeline(runs: readonly SegmentRun[]): Float64Array {
  const numbers: number[] = [];
  let next = 0;
  for (const { from, to } of runs.toSorted((a, b) => a.from - b.from)) {
    for (let number = Math.max(from, next); number <= to; number++) numbers.push(number);
    next = Math.max(next, to + 1);
  }
  return Float64Array.from(numbers);
}

export function bandOf(run: SegmentRun, size: SegmentSize): WalBand {
  return {
    timeline: run.timeline,
    from: nameOfNumber(run.timeline, run.from, size),
    to: nameOfNumber(run.timeline, run.to, size),
    count: run.to - run.from + 1,
    fromAtMs: run.fromAtMs,
    toAtMs: run.toAtMs,
  };
}
