import { Failure } from '../base/failure.ts';
import type { ArchiveFile } from './archive-file.ts';
import type { SegmentSize } from './segment-size.ts';

/** The uncompressed sizes that a file may have, in bytes, both inclusive. */
export interface RawSizeRange {
  readonly minRawSizeBytes: number;
  readonly maxRawSizeBytes: number;
}

/** History and backup history files are a few hundred bytes; the bound is there so that no file is unbounded. */
export const largestTextBytes = 2 ** 20;

/** Segments and partial segments have exactly the segment size; the text files are not empty and at most 1 MiB. */
export function expectedRawSize(file: ArchiveFile, segmentSize: SegmentSize): RawSizeRange {
  if (file.kind === 'segment' || file.kind === 'partial') {
    return { minRawSizeBytes: segmentSize, maxRawSizeBytes: segmentSize };
  }
  return { minRawSizeBytes: 1, maxRawSizeBytes: largestTextBytes };
}

/** Throws `bad_source` when a file to ship cannot be whole, told by its size alone. */
export function checkSourceSize(file: ArchiveFile, segmentSize: SegmentSize, sizeBytes: number): void {
  const { minRawSizeBytes, maxRawSizeBytes } = expectedRawSize(file, segmentSize);
  if (sizeBytes >= minRawSizeBytes && sizeBytes <= maxRawSizeBytes) return;
  const wanted =
    minRawSizeBytes === maxRawSizeBytes ? `${minRawSizeBytes}` : `${minRawSizeBytes} to ${maxRawSizeBytes}`;
  throw new Failure('bad_source', `${file.name} has ${sizeBytes} bytes, not ${wanted}`, {
    hint: 'The file is truncated or not what its name says: look at it before anything removes it.',
  });
}
