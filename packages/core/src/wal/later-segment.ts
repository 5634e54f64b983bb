import { type ArchiveFile, type ArchiveFileName, parseArchiveFileName, type SegmentName } from './archive-file.ts';

/**
 * The earliest full segment of the same timeline after `file` among the names; undefined when there is none, and for
 * anything but a segment. With one, a segment that is absent is a hole and not the end of the WAL.
 */
export function laterSegment(file: ArchiveFile, names: readonly ArchiveFileName[]): SegmentName | undefined {
  if (file.kind !== 'segment') return undefined;
  let earliest: SegmentName | undefined;
  for (const name of names) {
    // Names of one timeline sort by position, so comparing them as text is enough; most are dropped without parsing.
    if (name <= file.name || (earliest !== undefined && name >= earliest)) continue;
    const other = parseArchiveFileName(name);
    if (other.kind === 'segment' && other.timeline === file.timeline) earliest = other.name;
  }
  return earliest;
}
