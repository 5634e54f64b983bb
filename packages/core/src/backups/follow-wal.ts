import { type AcceptedHole, acceptedHoleOf } from '../wal/accepted-hole.ts';
import { parseArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import type { Descent } from '../wal/later-wal.ts';
import type { Lsn } from '../wal/lsn.ts';
import { segmentNameAt, segmentNumber, segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { HostSurvey, WalRun } from './host-survey.ts';

/** Segments in a row, counted from the beginning of the WAL, both ends inclusive; times as of a WalRun. */
interface Stretch {
  readonly first: number;
  readonly last: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

/** What the hosts that answered have together. */
export interface JoinedWal {
  readonly segmentSize: SegmentSize;
  readonly timelines: ReadonlyMap<TimelineId, readonly Stretch[]>;
  readonly descents: ReadonlyMap<TimelineId, Descent>;
  readonly accepted: readonly AcceptedHole[];
}

/** Segments that a recovery needs and no host has. */
export interface MissingWal {
  readonly from: SegmentName;
  readonly to: SegmentName;
  readonly count: number;
  /** Set when a person has accepted it as lost: a recovery ends there. */
  readonly accepted: AcceptedHole | undefined;
  /** When the WAL around it was written; undefined where nothing is there. */
  readonly afterMs: number | undefined;
  readonly beforeMs: number | undefined;
}

/** How far a recovery gets. */
export interface Reach {
  /** The last segment that it replays; undefined when even the first one is missing. */
  readonly last: SegmentName | undefined;
  readonly timeline: TimelineId;
  /** The position after the last segment. */
  readonly end: Lsn;
  /** When the server finished writing the last segment. */
  readonly endMs: number | undefined;
  /** Why it ends there although there is later WAL; undefined at the end of all WAL. */
  readonly missing: MissingWal | undefined;
}

/** Joins the WAL of hosts that hold the same cluster. */
export function joinWal(surveys: readonly HostSurvey[], segmentSize: SegmentSize): JoinedWal {
  const runs = new Map<TimelineId, Stretch[]>();
  for (const run of surveys.flatMap(({ wal }) => wal)) {
    runs.set(run.timeline, [...(runs.get(run.timeline) ?? []), stretchOf(run, segmentSize)]);
  }
  const descents = new Map<TimelineId, Descent>();
  // Hosts that differ in a history file have a conflict, which wal-sync reports; either is as good here.
  for (const descent of surveys.flatMap((survey) => survey.descents)) descents.set(descent.timeline, descent);
  return {
    segmentSize,
    timelines: runs,
    descents,
    accepted: surveys.flatMap(({ accepted }) => accepted),
  };
}

/** The newest timeline that has WAL or a history file; undefined when there is none. */
export function newestTimeline({ timelines, descents }: JoinedWal): TimelineId | undefined {
  return [...timelines.keys(), ...descents.keys()].toSorted((a, b) => b - a)[0];
}

/** One timeline's part of the way from a backup to the timeline that is recovered to; `until` is where the next one branched. */
interface Leg {
  readonly timeline: TimelineId;
  readonly until: Lsn | undefined;
}

/**
 * The timelines from that of a place to `target`; undefined when the place does not lie on the way to it: another branch, or past the
 * point where the way leaves its timeline.
 */
export function wayTo(target: TimelineId, place: WalPlace, { descents }: JoinedWal): Leg[] | undefined {
  const ancestors = descents.get(target)?.ancestors ?? [];
  const way: Leg[] = [
    ...ancestors.map(({ timeline, switchLsn }) => ({ timeline, until: switchLsn })),
    { timeline: target, until: undefined },
  ];
  const first = way.findIndex(({ timeline }) => timeline === place.timeline);
  const leg = way[first];
  if (leg === undefined || (leg.until !== undefined && place.lsn > leg.until)) return undefined;
  return way.slice(first);
}

/** Follows the WAL from a place along its way, up to its end or to the first segment that is missing before later WAL. */
export function followWal(from: WalPlace, way: readonly Leg[], wal: JoinedWal): Reach {
  const size = wal.segmentSize;
  let next = numberAt(from.lsn, size);
  let reach: Reach = { last: undefined, timeline: from.timeline, end: from.lsn, endMs: undefined, missing: undefined };
  for (const [index, leg] of way.entries()) {
    const later = way.slice(index + 1);
    const stop = lastOfLeg(leg, later, wal);
    for (;;) {
      const stretch = next > stop ? undefined : stretchWith(next, leg.timeline, wal);
      if (stretch === undefined) break;
      const last = Math.min(stretch.last, stop);
      reach = {
        last: segmentNameAt(leg.timeline, BigInt(last), size),
        timeline: leg.timeline,
        end: (BigInt(last + 1) * BigInt(size)) as Lsn,
        // Within a run only its ends have times; a run that goes on past a branch was written by a server of its own.
        endMs: last === stretch.last ? stretch.lastMs : stretch.firstMs,
        missing: undefined,
      };
      next = last + 1;
    }
    if (next > stop) continue;
    const missing = missingAt(next, leg, later, wal, reach.endMs);
    return missing === undefined ? reach : { ...reach, missing };
  }
  return reach;
}

/** The last segment that is read from this timeline. The one in which the next one branched is the next one's, where that has WAL. */
function lastOfLeg({ until }: Leg, later: readonly Leg[], wal: JoinedWal): number {
  if (until === undefined) return Number.MAX_SAFE_INTEGER;
  const branch = numberAt(until, wal.segmentSize);
  return later.some(({ timeline }) => stretchesOf(timeline, wal).length > 0) ? branch - 1 : branch;
}

/** What is missing from `next` on; undefined when no WAL on the way lies behind it: the WAL ends there. */
function missingAt(
  next: number,
  leg: Leg,
  later: readonly Leg[],
  wal: JoinedWal,
  afterMs: number | undefined,
): MissingWal | undefined {
  const limit = lastOfLeg(leg, later, wal);
  const own = stretchesOf(leg.timeline, wal).find(({ first }) => first > next && first <= limit);
  const hasLater = later.some(({ timeline }) => stretchesOf(timeline, wal).length > 0);
  if (own === undefined && !hasLater) return undefined;
  const last = own === undefined ? limit : own.first - 1;
  const names = [next, last].map((number) => segmentNameAt(leg.timeline, BigInt(number), wal.segmentSize));
  const [from, to] = names as [SegmentName, SegmentName];
  const beforeMs = own?.firstMs ?? later.flatMap(({ timeline }) => stretchesOf(timeline, wal))[0]?.firstMs;
  const accepted = acceptedHoleOf(from, wal.accepted);
  return { from, to, count: last - next + 1, accepted, afterMs, beforeMs };
}

/** The one with this segment that reaches farthest: two hosts' may overlap. */
function stretchWith(number: number, timeline: TimelineId, wal: JoinedWal): Stretch | undefined {
  const holders = stretchesOf(timeline, wal).filter(({ first, last }) => first <= number && number <= last);
  return holders.toSorted((a, b) => b.last - a.last)[0];
}

/** Of one timeline, by their first segment. */
function stretchesOf(timeline: TimelineId, { timelines }: JoinedWal): readonly Stretch[] {
  return (timelines.get(timeline) ?? []).toSorted((a, b) => a.first - b.first);
}

function stretchOf(run: WalRun, size: SegmentSize): Stretch {
  return { first: numberOf(run.from, size), last: numberOf(run.to, size), firstMs: run.fromMs, lastMs: run.toMs };
}

function numberOf(name: SegmentName, size: SegmentSize): number {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') throw new Error(`${name} is no segment`);
  return Number(segmentNumber(file, size));
}

/** Segment numbers are below 2^44, so plain numbers hold them. */
function numberAt(lsn: Lsn, size: SegmentSize): number {
  return Number(segmentNumberOfLsn(lsn, size));
}
