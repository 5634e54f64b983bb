import type { AcceptedHole } from '../wal/accepted-hole.ts';
import { parseArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import type { Descent } from '../wal/later-wal.ts';
import { segmentNameAt, segmentNumber } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { HostSurvey } from './host-survey.ts';

/** A host that said what it holds. */
export interface SurveyedHost {
  /** As messages call it. */
  readonly name: string;
  readonly survey: HostSurvey;
}

/** Segments in a row, as numbers counted from the beginning of the WAL (below 2^44), both ends inclusive. */
export interface NumberRun {
  readonly first: number;
  readonly last: number;
}

export interface HeldRun extends NumberRun {
  /** Who has all of it. */
  readonly hosts: readonly string[];
}

interface HostRun extends NumberRun {
  readonly host: string;
}

interface TimelineWal {
  /** Of all hosts, by their first segment. */
  readonly byHost: readonly HostRun[];
  /** Of all hosts together: sorted, and nothing touches. */
  readonly joined: readonly NumberRun[];
  /** Segments whose time is known, sorted. */
  readonly timed: readonly { readonly number: number; readonly ms: number }[];
}

/** The WAL that one or two hosts of one cluster have together. */
export class JoinedWal {
  readonly segmentSize: SegmentSize;
  readonly timelines: ReadonlyMap<TimelineId, TimelineWal>;
  readonly descents: ReadonlyMap<TimelineId, Descent>;
  readonly accepted: readonly AcceptedHole[];

  constructor(hosts: readonly SurveyedHost[], segmentSize: SegmentSize) {
    this.segmentSize = segmentSize;
    this.timelines = joinRuns(hosts, segmentSize);
    // Hosts that differ in a history file have a conflict, which wal-sync reports; either is as good here.
    this.descents = new Map(
      hosts.flatMap(({ survey }) => survey.descents.map((descent) => [descent.timeline, descent] as const)),
    );
    this.accepted = hosts.flatMap(({ survey }) => survey.accepted);
  }

  /** The last of the segments that follow on this one without a gap; undefined when this one is on no host. */
  endOfRun(timeline: TimelineId, number: number): number | undefined {
    const runs = this.runsOf(timeline);
    const run = runs[indexAtOrBelow(runs, number, firstOf)];
    return run !== undefined && run.last >= number ? run.last : undefined;
  }

  /** The first segment, this one or a later one, that a host has. */
  nextFrom(timeline: TimelineId, number: number): number | undefined {
    if (this.endOfRun(timeline, number) !== undefined) return number;
    const runs = this.runsOf(timeline);
    return runs[indexAtOrBelow(runs, number, firstOf) + 1]?.first;
  }

  /** Segments that are all there, cut at each place where it changes who has them. */
  holdersOf(timeline: TimelineId, { first, last }: NumberRun): HeldRun[] {
    const runs = (this.timelines.get(timeline)?.byHost ?? []).filter((run) => run.first <= last && run.last >= first);
    const edges = runs.flatMap((run) => [run.first, run.last + 1]).filter((edge) => edge > first && edge <= last);
    const starts = [...new Set([first, ...edges])].sort((a, b) => a - b);
    const pieces: HeldRun[] = [];
    for (const [index, start] of starts.entries()) {
      const end = (starts[index + 1] ?? last + 1) - 1;
      const hosts = [
        ...new Set(runs.filter((run) => run.first <= start && run.last >= end).map(({ host }) => host)),
      ].sort();
      const before = pieces.at(-1);
      // A host's own runs touch where another timeline left: nothing changes there.
      const isSame = before !== undefined && before.hosts.join('\n') === hosts.join('\n');
      if (isSame) pieces.pop();
      pieces.push({ first: isSame ? before.first : start, last: end, hosts });
    }
    return pieces;
  }

  /**
   * When the server finished writing a segment that is there, in milliseconds. Exact at the ends of the hosts' runs, which are the ends of
   * all that is joined, and the last segments before another timeline left; between them it is estimated by position.
   */
  timeOf(timeline: TimelineId, number: number): number | undefined {
    const timed = this.timelines.get(timeline)?.timed ?? [];
    const index = indexAtOrBelow(timed, number, (entry) => entry.number);
    const [below, above] = [timed[index], timed[index + 1]];
    if (below === undefined || above === undefined || below.number === number) return below?.ms ?? above?.ms;
    const share = (number - below.number) / (above.number - below.number);
    return Math.round(below.ms + share * (above.ms - below.ms));
  }

  nameOf(timeline: TimelineId, number: number): SegmentName {
    return segmentNameAt(timeline, BigInt(number), this.segmentSize);
  }

  /** All segments, by timeline, as sorted numbers. */
  numbers(): Map<TimelineId, Float64Array> {
    return new Map([...this.timelines].map(([timeline, { joined }]) => [timeline, numbersOf(joined)] as const));
  }

  private runsOf(timeline: TimelineId): readonly NumberRun[] {
    return this.timelines.get(timeline)?.joined ?? [];
  }
}

/** Joins what hosts say, under their machines' names. */
export function joinWal(surveys: readonly HostSurvey[], segmentSize: SegmentSize): JoinedWal {
  return new JoinedWal(
    surveys.map((survey) => ({ name: survey.host, survey })),
    segmentSize,
  );
}

/** The newest timeline that has WAL or a history file; undefined when there is none. */
export function newestTimeline({ timelines, descents }: JoinedWal): TimelineId | undefined {
  return [...timelines.keys(), ...descents.keys()].toSorted((a, b) => b - a)[0];
}

function joinRuns(hosts: readonly SurveyedHost[], size: SegmentSize): Map<TimelineId, TimelineWal> {
  const byTimeline = new Map<TimelineId, { byHost: HostRun[]; times: Map<number, number> }>();
  for (const { name, survey } of hosts) {
    for (const { timeline, from, to, fromMs, toMs } of survey.wal) {
      const entry = byTimeline.get(timeline) ?? { byHost: [], times: new Map<number, number>() };
      byTimeline.set(timeline, entry);
      const [first, last] = [numberOf(from, size), numberOf(to, size)];
      entry.byHost.push({ host: name, first, last });
      noteTime(entry.times, first, fromMs);
      noteTime(entry.times, last, toMs);
    }
  }
  return new Map(
    [...byTimeline].map(([timeline, { byHost, times }]) => [timeline, timelineWal(byHost, times)] as const),
  );
}

/** Both hosts keep the time of the server's file. Where they differ, the earlier one promises less. */
function noteTime(times: Map<number, number>, number: number, ms: number): void {
  times.set(number, Math.min(ms, times.get(number) ?? ms));
}

function timelineWal(runs: readonly HostRun[], times: ReadonlyMap<number, number>): TimelineWal {
  const byHost = runs.toSorted((a, b) => a.first - b.first);
  const timed = [...times].map(([number, ms]) => ({ number, ms })).sort((a, b) => a.number - b.number);
  return { byHost, joined: unionOf(byHost), timed };
}

/** Of runs that are sorted by their first segment. */
function unionOf(runs: readonly NumberRun[]): NumberRun[] {
  const union: { first: number; last: number }[] = [];
  for (const { first, last } of runs) {
    const before = union.at(-1);
    if (before === undefined || first > before.last + 1) union.push({ first, last });
    else before.last = Math.max(before.last, last);
  }
  return union;
}

function numbersOf(runs: readonly NumberRun[]): Float64Array {
  const numbers = new Float64Array(runs.reduce((sum, { first, last }) => sum + last - first + 1, 0));
  let index = 0;
  for (const { first, last } of runs) for (let number = first; number <= last; number++) numbers[index++] = number;
  return numbers;
}

function numberOf(name: SegmentName, size: SegmentSize): number {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') throw new Error(`${name} is no segment`);
  return Number(segmentNumber(file, size));
}

const firstOf = ({ first }: NumberRun) => first;

/** The index of the last item whose key is at most the value; -1 without one. */
function indexAtOrBelow<T>(sorted: readonly T[], value: number, keyOf: (item: T) => number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const item = sorted[middle];
    if (item !== undefined && keyOf(item) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
