import { type ArchiveFileName, parseArchiveFileName, type SegmentFile, type SegmentName } from './archive-file.ts';
import { segmentNumber, segmentNumberOfLsn } from './segment-position.ts';
import type { SegmentSize } from './segment-size.ts';
import type { TimelineHistoryEntry } from './timeline-history.ts';
import type { TimelineId } from './timeline-id.ts';

/** A timeline and its ancestors, as its history file lists them. */
export interface Descent {
  readonly timeline: TimelineId;
  readonly ancestors: readonly TimelineHistoryEntry[];
}

/**
 * A full segment among the names that builds on the absent `file`: a later one of the same timeline, or any of a timeline that
 * left this one after it. With one, the absence is a hole and not the end of the WAL. Undefined when there is none.
 *
 * A timeline that branched off within `file` itself does not build on it: its own first segment begins with the same WAL.
 */
export function laterWal(
  file: SegmentFile,
  names: readonly ArchiveFileName[],
  descents: readonly Descent[],
  size: SegmentSize,
): SegmentName | undefined {
  const position = segmentNumber(file, size);
  const buildsOnIt = new Set(
    descents
      .filter(({ ancestors }) =>
        ancestors.some(
          ({ timeline, switchLsn }) => timeline === file.timeline && segmentNumberOfLsn(switchLsn, size) > position,
        ),
      )
      .map(({ timeline }) => timeline),
  );
  let earliest: SegmentName | undefined;
  for (const name of names) {
    // Names sort by timeline, then by position: most are dropped without being parsed.
    if (name <= file.name || (earliest !== undefined && name >= earliest)) continue;
    const other = parseArchiveFileName(name);
    if (other.kind !== 'segment') continue;
    if (other.timeline === file.timeline || buildsOnIt.has(other.timeline)) earliest = other.name;
  }
  return earliest;
}
