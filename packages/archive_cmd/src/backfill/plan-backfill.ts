import { isArchiveFileName, parseArchiveFileName, type SegmentFile } from '@archive2/core/wal/archive-file.ts';
import { segmentNumber, segmentNumberOfLsn } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import type { TimelineHistoryEntry } from '@archive2/core/wal/timeline-history.ts';

/**
 * The segments of the parent timeline, oldest first, that a promoted server has in its pg_wal and that end before it left that
 * timeline. PostgreSQL itself never archives them: a standby marks what it streamed as done. Pure.
 */
export function planBackfill(
  walNames: readonly string[],
  ancestors: readonly TimelineHistoryEntry[],
  size: SegmentSize,
): SegmentFile[] {
  const parent = ancestors.at(-1);
  if (parent === undefined) return [];
  const branch = segmentNumberOfLsn(parent.switchLsn, size);
  return walNames
    .filter(isArchiveFileName)
    .map(parseArchiveFileName)
    .filter((file) => file.kind === 'segment')
    .filter((file) => file.timeline === parent.timeline && segmentNumber(file, size) < branch)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
