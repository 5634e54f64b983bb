import { Failure } from '../base/failure.ts';
import {
  type BackupHistoryFile,
  formatSegmentName,
  type PartialFile,
  type SegmentFile,
  type SegmentName,
} from './archive-file.ts';
import { type Lsn, lsnFromBytes } from './lsn.ts';
import { type SegmentSize, segmentsPerLog } from './segment-size.ts';
import { formatHalf, type TimelineId } from './timeline-id.ts';

/** A file whose name says a segment's position. */
export type PositionedFile = SegmentFile | PartialFile | BackupHistoryFile;

const wholeWal = 2n ** 64n;

/**
 * Throws `bad_name` for a name that no cluster with this segment size can produce: with 16 MiB segments the last eight
 * digits end at 000000FF, so a greater number means another segment size or no WAL at all.
 */
export function checkPosition(file: PositionedFile, size: SegmentSize): void {
  const perLog = segmentsPerLog(size);
  if (file.seg >= perLog) {
    const last = formatHalf(perLog - 1);
    throw new Failure('bad_name', `"${file.name}" does not exist with segments of ${size} bytes`, {
      hint: `With this segment size the segment's last eight digits are at most ${last}: check the segment size.`,
    });
  }
  if (file.kind === 'backup' && file.offset >= size) {
    throw new Failure('bad_name', `"${file.name}" starts beyond the end of a segment of ${size} bytes`, {
      hint: `The digits after the first dot are an offset below ${formatHalf(size)}: check the segment size.`,
    });
  }
}

/** The segment's number, counted from the beginning of the WAL whatever the timeline; throws `bad_name`. */
export function segmentNumber(file: PositionedFile, size: SegmentSize): bigint {
  checkPosition(file, size);
  return BigInt(file.log) * BigInt(segmentsPerLog(size)) + BigInt(file.seg);
}

/** The position of the segment's first byte; throws `bad_name`. */
export function segmentStartLsn(file: PositionedFile, size: SegmentSize): Lsn {
  return lsnFromBytes(segmentNumber(file, size) * BigInt(size));
}

/** The number of the segment that holds the byte at this position. */
export function segmentNumberOfLsn(lsn: Lsn, size: SegmentSize): bigint {
  return lsn / BigInt(size);
}

/** The name of the segment with this number; throws `bad_name` beyond the last one there can be. */
export function segmentNameAt(timeline: TimelineId, number: bigint, size: SegmentSize): SegmentName {
  if (number < 0n || number >= wholeWal / BigInt(size)) {
    throw new Failure('bad_name', `there is no segment number ${number} with segments of ${size} bytes`, {
      hint: 'WAL positions end at FFFFFFFF/FFFFFFFF: the name that this was counted from is not a real one.',
    });
  }
  const perLog = BigInt(segmentsPerLog(size));
  return formatSegmentName(timeline, Number(number / perLog), Number(number % perLog));
}

/** The segment that follows on the same timeline; throws `bad_name` after the last one there can be. */
export function nextSegment(file: SegmentFile | PartialFile, size: SegmentSize): SegmentName {
  return segmentNameAt(file.timeline, segmentNumber(file, size) + 1n, size);
}
