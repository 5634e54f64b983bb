import type { SegmentName } from '../wal/archive-file.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import type { WalRange } from './backup-manifest.ts';

/**
 * The segments that a recovery reads from the start of a backup until it is consistent, in order. Of the segment in which a timeline
 * was left, the child's is read, which begins with the same WAL. Pure.
 */
export function neededSegments(ranges: readonly WalRange[], size: SegmentSize): SegmentName[] {
  return ranges.flatMap(({ start, endLsn }, index) => {
    const first = segmentNumberOfLsn(start.lsn, size);
    const next = ranges[index + 1];
    // The end is the first byte that is not needed.
    const last = endLsn > start.lsn ? (endLsn - 1n) / BigInt(size) : first;
    const end = next === undefined ? last : segmentNumberOfLsn(next.start.lsn, size) - 1n;
    const names: SegmentName[] = [];
    for (let number = first; number <= (end < last ? end : last); number += 1n) {
      names.push(segmentNameAt(start.timeline, number, size));
    }
    return names;
  });
}
