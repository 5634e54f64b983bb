import { type AcceptedHole, acceptedHoleOf } from './accepted-hole.ts';
import { type ArchiveFileName, parseArchiveFileName, type SegmentName } from './archive-file.ts';
import type { Descent } from './later-wal.ts';
import { segmentNumbers } from './segment-numbers.ts';
import { segmentNameAt, segmentNumber, segmentNumberOfLsn } from './segment-position.ts';
import type { SegmentSize } from './segment-size.ts';
import type { TimelineId } from './timeline-id.ts';

/** Missing segments in a row, of one timeline, both ends inclusive; with the acceptance when a person has accepted them. */
export interface Hole {
  readonly timeline: TimelineId;
  readonly from: SegmentName;
  readonly to: SegmentName;
  readonly count: number;
  readonly accepted: AcceptedHole | undefined;
}

/** Where the WAL of a kept base backup begins. */
export interface BackupStart {
  readonly timeline: TimelineId;
  /** Counted from the beginning of the WAL, whatever the timeline. */
  readonly segment: number;
}

export interface WalFacts {
  /** What the history files say. */
  readonly descents: readonly Descent[];
  /** Empty when no backup is known: then WAL is expected from the oldest segment on. */
  readonly backups: readonly BackupStart[];
  readonly accepted: readonly AcceptedHole[];
  readonly segmentSize: SegmentSize;
}

export interface WalKnown extends WalFacts {
  /** All archive files, of all hosts together. */
  readonly names: Iterable<ArchiveFileName>;
}

/**
 * Every hole between the oldest backup (or the oldest segment) and the newest segment of each timeline, by timeline and position.
 *
 * A timeline needs its segments from its branch point on, up to its newest one, and up to where a timeline with WAL of its own left
 * it: the rule of laterWal, for all segments at once. Segment numbers are below 2^44, so plain numbers hold them.
 */
export function findHoles(known: WalKnown): Hole[] {
  return holesAmong(segmentNumbers(known.names, known.segmentSize), known);
}

/** As findHoles, by the numbers of the full segments that are there, sorted. */
export function holesAmong(present: ReadonlyMap<TimelineId, Float64Array>, known: WalFacts): Hole[] {
  const branches = branchPoints(known);
  const oldest = oldestNeeded(known, present);
  const holes: Hole[] = [];
  for (const timeline of timelinesOf(known, present)) {
    const numbers = present.get(timeline) ?? none;
    const first = firstNeeded(timeline, numbers, branches.get(timeline), oldest, known);
    if (first === undefined) continue;
    const last = lastNeeded(timeline, numbers, present, known);
    for (const [from, to] of gaps(numbers, first, last)) holes.push(...holesOf(timeline, from, to, known));
  }
  return holes;
}

const none = new Float64Array();

/** The segment in which each timeline left its parent. Its own segments begin there. */
function branchPoints({ descents, segmentSize }: WalFacts): Map<TimelineId, number> {
  const branches = new Map<TimelineId, number>();
  for (const { timeline, ancestors } of descents) {
    const parent = ancestors.at(-1);
    if (parent !== undefined) branches.set(timeline, Number(segmentNumberOfLsn(parent.switchLsn, segmentSize)));
  }
  return branches;
}

function oldestNeeded({ backups }: WalFacts, present: ReadonlyMap<TimelineId, Float64Array>): number {
  if (backups.length > 0) return Math.min(...backups.map(({ segment }) => segment));
  let oldest = Number.POSITIVE_INFINITY;
  for (const [first] of present.values()) oldest = Math.min(oldest, first ?? oldest);
  return oldest;
}

function timelinesOf({ descents }: WalFacts, present: ReadonlyMap<TimelineId, Float64Array>): TimelineId[] {
  const ancestors = descents.flatMap((descent) => descent.ancestors.map(({ timeline }) => timeline));
  return [...new Set([...present.keys(), ...ancestors])].sort((a, b) => a - b);
}

function firstNeeded(
  timeline: TimelineId,
  numbers: Float64Array,
  branch: number | undefined,
  oldest: number,
  { backups }: WalFacts,
): number | undefined {
  if (branch !== undefined) return Math.max(branch, oldest);
  const own = backups.filter((backup) => backup.timeline === timeline).map(({ segment }) => segment);
  if (own.length > 0) return Math.min(...own);
  // Where its WAL began nobody knows: with the oldest segment that is kept.
  const [first] = numbers;
  return first === undefined ? undefined : Math.max(first, oldest);
}

function lastNeeded(
  timeline: TimelineId,
  numbers: Float64Array,
  present: ReadonlyMap<TimelineId, Float64Array>,
  { descents, segmentSize }: WalFacts,
): number {
  let last = numbers.at(-1) ?? -1;
  for (const descent of descents) {
    if (!present.has(descent.timeline)) continue;
    for (const ancestor of descent.ancestors) {
      if (ancestor.timeline !== timeline) continue;
      // The segment in which it was left is the child's to have: that one begins with the same WAL.
      last = Math.max(last, Number(segmentNumberOfLsn(ancestor.switchLsn, segmentSize)) - 1);
    }
  }
  return last;
}

function* gaps(numbers: Float64Array, first: number, last: number): Generator<[from: number, to: number]> {
  let next = first;
  for (const number of numbers) {
    if (number > last) break;
    if (number > next) yield [next, number - 1];
    next = Math.max(next, number + 1);
  }
  if (next <= last) yield [next, last];
}

/** A gap, cut where acceptances begin and end. */
function* holesOf(timeline: TimelineId, from: number, to: number, known: WalFacts): Generator<Hole> {
  const nameAt = (number: number) => segmentNameAt(timeline, BigInt(number), known.segmentSize);
  let next = from;
  while (next <= to) {
    const accepted = acceptedHoleOf(nameAt(next), known.accepted);
    const end = accepted === undefined ? beforeNextAcceptance(nameAt(next), known) : numberOf(accepted.to, known);
    const last = Math.min(to, end);
    yield { timeline, from: nameAt(next), to: nameAt(last), count: last - next + 1, accepted };
    next = last + 1;
  }
}

function beforeNextAcceptance(name: SegmentName, known: WalFacts): number {
  const timeline = name.slice(0, 8);
  const later = known.accepted.filter(({ from }) => from.startsWith(timeline) && from > name);
  return Math.min(...later.map(({ from }) => numberOf(from, known) - 1), Number.POSITIVE_INFINITY);
}

function numberOf(name: SegmentName, { segmentSize }: WalFacts): number {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') throw new Error(`${name} is no segment`);
  return Number(segmentNumber(file, segmentSize));
}
