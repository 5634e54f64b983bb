import type { SegmentFile, SegmentName } from '@archive2/core/wal/archive-file.ts';
import { segmentNameAt, segmentNumber } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';

/** What a buffer may hold: the next segments, and in bytes, everything. */
export interface BufferBounds {
  segments: number;
  sizeBytes: number;
}

/** PostgreSQL may begin again a few segments back: after a restart, at the end of a recovery, at a switch of timelines. */
const keptBehind = 4;

/**
 * How many segments to have ready ahead, and how many to keep behind, within the bounds: what is ahead comes first. Both are 0 where
 * not even one segment fits. Pure.
 */
export function windowCounts(bounds: BufferBounds, size: SegmentSize): { ahead: number; behind: number } {
  const room = Math.floor(bounds.sizeBytes / size);
  const ahead = Math.min(bounds.segments, room);
  return { ahead, behind: ahead === 0 ? 0 : Math.min(keptBehind, room - ahead) };
}

/**
 * The segments that PostgreSQL will ask for after `asked`, nearest first: the next `count` of the same timeline. Short at the end
 * of the numbers.
 */
export function windowAfter(asked: SegmentFile, count: number, size: SegmentSize): SegmentName[] {
  const first = segmentNumber(asked, size) + 1n;
  const last = (1n << 64n) / BigInt(size) - 1n;
  const names: SegmentName[] = [];
  for (let number = first; number <= last && names.length < count; number++) {
    names.push(segmentNameAt(asked.timeline, number, size));
  }
  return names;
}

/** The segments that PostgreSQL may ask for again: the last `count` up to `asked`, which is among them. */
export function windowUpTo(asked: SegmentFile, count: number, size: SegmentSize): SegmentName[] {
  const last = segmentNumber(asked, size);
  const names: SegmentName[] = [];
  for (let number = last; number >= 0n && names.length < count; number--) {
    names.push(segmentNameAt(asked.timeline, number, size));
  }
  return names;
}

export interface PrefetchState {
  /** In the order in which they will be asked for. */
  window: readonly SegmentName[];
  /** Those that may be asked for again. */
  behind: readonly SegmentName[];
  held: ReadonlySet<string>;
  underWay: ReadonlySet<string>;
  /** The nearest one that no host has yet: what comes after it is not there either. */
  absent: string | undefined;
  freeSlots: number;
}

/** How many more segments the buffer may take: each fetch that is under way has a place of its own, wanted or not. */
function roomFor({ window, behind, held, underWay }: PrefetchState, dropped: number): number {
  // The asked one is no longer among the held, and kept if anything is.
  const places = window.length + Math.max(0, behind.length - 1);
  return places - (held.size - dropped) - underWay.size;
}

/**
 * What to fetch now, nearest first, and which held files are of no more use: too far behind or ahead, or of another timeline. `held`
 * is without the one that was asked for. Pure.
 */
export function planPrefetch(state: PrefetchState): { fetch: SegmentName[]; drop: string[] } {
  const { window, behind, held, underWay, absent, freeSlots } = state;
  const end = absent === undefined ? -1 : window.findIndex((name) => name === absent);
  const reachable = end < 0 ? window : window.slice(0, end);
  const wanted = new Set<string>([...window, ...behind]);
  const drop = [...held].filter((name) => !wanted.has(name));
  const count = Math.max(0, Math.min(freeSlots, roomFor(state, drop.length)));
  return { fetch: reachable.filter((name) => !held.has(name) && !underWay.has(name)).slice(0, count), drop };
}
