import {
  type ArchiveFileName,
  type HistoryFile,
  parseArchiveFileName,
  type SegmentFile,
  type SegmentName,
} from './archive-file.ts';
import { segmentNumber, segmentNumberOfLsn } from './segment-position.ts';
import type { SegmentSize } from './segment-size.ts';
import type { TimelineHistoryEntry } from './timeline-history.ts';
import { formatTimelineId, type TimelineId } from './timeline-id.ts';

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

/**
 * A full segment among the names that shows that the absent history `file` was there once: one of its timeline, or of one that has
 * it among its ancestors. Without its history recovery would not know of the timeline, and open the database on an older one.
 * Undefined when there is none, and for the timeline that an archive began with, which has no history file: no segment is older,
 * and no history names a parent of it.
 */
export function walOfTimeline(
  file: HistoryFile,
  names: readonly ArchiveFileName[],
  descents: readonly Descent[],
): SegmentName | undefined {
  const isAncestorOf = ({ ancestors }: Descent) =>
    ancestors.findIndex(({ timeline }) => timeline === file.timeline) > 0;
  const digits = new Set(descents.filter(isAncestorOf).map(({ timeline }) => formatTimelineId(timeline)));
  // Only full segments are this long; their digits sort as timelines do, so nothing is parsed.
  const segments = names.filter((name) => name.length === 24);
  const own = formatTimelineId(file.timeline);
  if (segments.some((name) => name.slice(0, 8) < own)) digits.add(own);
  const [first] = segments.filter((name) => digits.has(name.slice(0, 8))).toSorted();
  return first as SegmentName | undefined;
}
