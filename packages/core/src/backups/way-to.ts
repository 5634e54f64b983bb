import type { WalPlace } from '../wal/backup-label.ts';
import type { Descent } from '../wal/later-wal.ts';
import type { Lsn } from '../wal/lsn.ts';
import { segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { JoinedWal, NumberRun } from './joined-wal.ts';

/** The segments that a recovery takes from one timeline; `last` is Infinity on the timeline that is recovered to. */
export interface Leg extends NumberRun {
  readonly timeline: TimelineId;
}

/** The positions that belong to a timeline of a history; `end` is the first one that does not. */
interface Span {
  readonly timeline: TimelineId;
  readonly begin: Lsn;
  readonly end: Lsn | undefined;
}

/**
 * The way of a recovery from a place where a backup stops to the timeline `target`, through its ancestors, in the order of replay.
 * Undefined when the place does not lie on it: on another branch, or after the point where the way leaves its timeline. PostgreSQL
 * refuses such a target.
 *
 * A segment in which a timeline left its parent is taken from the child: its file begins with the same WAL, and the parent's may go on
 * with other WAL. The positions of a history need not increase: what lies behind a later timeline's beginning is that one's.
 *
 * Source: XLogFileReadAnyTLI in PostgreSQL 18 src/backend/access/transam/xlogrecovery.c, tliOfPointInHistory in timeline.c.
 */
export function wayTo(target: TimelineId, place: WalPlace, { descents, segmentSize }: JoinedWal): Leg[] | undefined {
  const newestFirst = spansOf(target, descents);
  if (timelineBefore(place.lsn, newestFirst) !== place.timeline) return undefined;
  const legs: Leg[] = [];
  let last = Number.POSITIVE_INFINITY;
  for (const { timeline, begin } of newestFirst) {
    const first = Number(segmentNumberOfLsn(begin, segmentSize));
    if (first > last) continue;
    legs.unshift({ timeline, first, last });
    last = first - 1;
  }
  return legs;
}

function spansOf(target: TimelineId, descents: ReadonlyMap<TimelineId, Descent>): Span[] {
  const ancestors = descents.get(target)?.ancestors ?? [];
  const spans = [...ancestors.map(({ timeline }) => timeline), target].map((timeline, index) => ({
    timeline,
    begin: ancestors[index - 1]?.switchLsn ?? (0n as Lsn),
    end: ancestors[index]?.switchLsn,
  }));
  return spans.toReversed();
}

/** Whose the WAL right before a position is: a backup may stop just where its timeline was left. */
function timelineBefore(end: Lsn, newestFirst: readonly Span[]): TimelineId | undefined {
  const lsn = end === 0n ? end : end - 1n;
  return newestFirst.find(({ begin, end: next }) => begin <= lsn && (next === undefined || lsn < next))?.timeline;
}

/**
 * The timeline that recovery_target_timeline stands for: `current` is that of the backup, `latest` the last one of those whose history
 * files follow on it without a gap in their numbers. Source: findNewestTimeLine in PostgreSQL 18 timeline.c.
 */
export function targetTimeline(
  wanted: TimelineId | 'latest' | 'current',
  backup: TimelineId,
  descents: ReadonlyMap<TimelineId, Descent>,
): TimelineId {
  if (wanted === 'current') return backup;
  if (wanted !== 'latest') return wanted;
  let newest: number = backup;
  while (descents.has((newest + 1) as TimelineId)) newest += 1;
  return newest as TimelineId;
}
