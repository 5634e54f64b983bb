import { type AcceptedHole, acceptedHoleOf } from '../wal/accepted-hole.ts';
import type { SegmentName } from '../wal/archive-file.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import { type Lsn, lsnFromBytes } from '../wal/lsn.ts';
import { segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { HeldRun, JoinedWal } from './joined-wal.ts';
import type { Leg } from './way-to.ts';

/** Segments that a recovery needs and no host has. */
export interface MissingWal {
  readonly from: SegmentName;
  /** On a later timeline than `from` where the way leaves that one between them. */
  readonly to: SegmentName;
  readonly count: number;
  /** Set when a person has accepted it as lost: a recovery ends there all the same. */
  readonly accepted: AcceptedHole | undefined;
  /** When the WAL before and behind it was written; undefined where nothing is there. */
  readonly afterMs: number | undefined;
  readonly beforeMs: number | undefined;
}

/** Segments in a row that the same hosts have. */
interface WalPiece extends HeldRun {
  readonly timeline: TimelineId;
}

/** How far a recovery gets. */
export interface Reach {
  /** What it replays, in its order. */
  readonly pieces: readonly WalPiece[];
  /** The last segment that it replays; undefined when even the first one is missing. */
  readonly last: SegmentName | undefined;
  readonly timeline: TimelineId;
  /** The position after the last segment. */
  readonly end: Lsn;
  /** When the server finished writing the last segment. Commits in it are older, by as much as archive_timeout lets pass. */
  readonly endMs: number | undefined;
  /** Why it ends there although there is later WAL; undefined at the end of all WAL. */
  readonly missing: MissingWal | undefined;
}

/** Follows the WAL from a place along its way, up to its end or to the first segment that is missing before later WAL. */
export function followWal(from: WalPlace, way: readonly Leg[], wal: JoinedWal): Reach {
  const pieces: WalPiece[] = [];
  let next = Number(segmentNumberOfLsn(from.lsn, wal.segmentSize));
  for (const { timeline, first, last } of way) {
    if (last < next) continue;
    const end = first > next ? undefined : wal.endOfRun(timeline, next);
    if (end === undefined) break;
    const run = { first: next, last: Math.min(end, last) };
    pieces.push(...wal.holdersOf(timeline, run).map((piece) => ({ ...piece, timeline })));
    next = run.last + 1;
  }
  const reached = pieces.at(-1);
  const endMs = reached === undefined ? undefined : wal.timeOf(reached.timeline, reached.last);
  return {
    pieces,
    last: reached === undefined ? undefined : wal.nameOf(reached.timeline, reached.last),
    timeline: reached?.timeline ?? from.timeline,
    end: reached === undefined ? from.lsn : lsnFromBytes(BigInt(next) * BigInt(wal.segmentSize)),
    endMs,
    missing: missingFrom(next, way, wal, endMs),
  };
}

/** What is missing from this segment on; undefined when nothing on the way lies behind it: the WAL ends there. */
function missingFrom(
  next: number,
  way: readonly Leg[],
  wal: JoinedWal,
  afterMs: number | undefined,
): MissingWal | undefined {
  const behind = nextOnWay(next, way, wal);
  const owner = way.find(({ first, last }) => first <= next && next <= last);
  const lastOwner = way.find(
    ({ first, last }) => behind !== undefined && first < behind.number && behind.number - 1 <= last,
  );
  if (behind === undefined || owner === undefined || lastOwner === undefined) return undefined;
  const from = wal.nameOf(owner.timeline, next);
  return {
    from,
    to: wal.nameOf(lastOwner.timeline, behind.number - 1),
    count: behind.number - next,
    accepted: acceptedHoleOf(from, wal.accepted),
    afterMs,
    beforeMs: wal.timeOf(behind.timeline, behind.number),
  };
}

/** The first segment of the way behind a missing one that is there. */
function nextOnWay(
  missing: number,
  way: readonly Leg[],
  wal: JoinedWal,
): { timeline: TimelineId; number: number } | undefined {
  for (const { timeline, first, last } of way) {
    if (last <= missing) continue;
    const number = wal.nextFrom(timeline, Math.max(first, missing + 1));
    if (number !== undefined && number <= last) return { timeline, number };
  }
  return undefined;
}
