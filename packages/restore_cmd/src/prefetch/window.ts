import type { SegmentFile, SegmentName } from '@archive2/core/wal/archive-file.ts';
import { segmentNameAt, segmentNumber } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';

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

export interface PrefetchState {
  /** In the order in which they will be asked for. */
  window: readonly SegmentName[];
  held: ReadonlySet<string>;
  underWay: ReadonlySet<string>;
  /** The nearest one that no host has yet: what comes after it is not there either. */
  absent: string | undefined;
  freeSlots: number;
}

/** What to fetch now, nearest first, and which held files are of no more use: those of another timeline, or behind. Pure. */
export function planPrefetch(state: PrefetchState): { fetch: SegmentName[]; drop: string[] } {
  const { window, held, underWay, absent, freeSlots } = state;
  const end = absent === undefined ? -1 : window.findIndex((name) => name === absent);
  const reachable = end < 0 ? window : window.slice(0, end);
  const fetch = reachable.filter((name) => !held.has(name) && !underWay.has(name)).slice(0, Math.max(0, freeSlots));
  const wanted = new Set<string>(window);
  return { fetch, drop: [...held].filter((name) => !wanted.has(name)) };
}
