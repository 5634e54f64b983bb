import { type ArchiveFileName, parseArchiveFileName } from './archive-file.ts';
import { type SegmentSize, segmentsPerLog } from './segment-size.ts';
import type { TimelineId } from './timeline-id.ts';

/**
 * The full segments among the names, by timeline, as sorted numbers counted from the beginning of the WAL. They are below 2^44, so plain
 * numbers hold them. Names that a cluster with this segment size cannot have are left out.
 */
export function segmentNumbers(
  names: Iterable<ArchiveFileName>,
  segmentSize: SegmentSize,
): Map<TimelineId, Float64Array> {
  const perLog = segmentsPerLog(segmentSize);
  const byTimeline = new Map<number, { timeline: TimelineId; numbers: number[] }>();
  for (const name of names) {
    // Full segments only. The digits are read directly: this runs over every file of an archive.
    if (name.length !== 24) continue;
    const seg = hexAt(name, 16);
    if (seg >= perLog) continue;
    const digits = hexAt(name, 0);
    let entry = byTimeline.get(digits);
    if (entry === undefined) {
      entry = { timeline: parseArchiveFileName(name).timeline, numbers: [] };
      byTimeline.set(digits, entry);
    }
    entry.numbers.push(hexAt(name, 8) * perLog + seg);
  }
  // A typed array sorts by number, many times faster than with a function.
  return new Map(
    [...byTimeline.values()].map(({ timeline, numbers }) => [timeline, Float64Array.from(numbers).sort()] as const),
  );
}

/** The eight hexadecimal digits of a name that begin at `start`. */
function hexAt(name: ArchiveFileName, start: number): number {
  let value = 0;
  for (let at = start; at < start + 8; at++) {
    const code = name.charCodeAt(at);
    // "0" to "9" are 48 to 57, "A" to "F" 65 to 70: a name has no others.
    value = value * 16 + (code < 58 ? code - 48 : code - 55);
  }
  return value;
}
