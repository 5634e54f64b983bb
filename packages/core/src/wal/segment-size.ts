import { Failure } from '../base/failure.ts';

/** The WAL segment size of a cluster in bytes: a power of two from 1 MiB to 1 GiB, fixed by `initdb --wal-segsize`. */
export type SegmentSize = number & { readonly brand: 'SegmentSize' };

const smallestSegmentSize = (2 ** 20) as SegmentSize;
export const largestSegmentSize = (2 ** 30) as SegmentSize;

/**
 * Throws `wrong_cluster` for a number that cannot be a segment size.
 *
 * Source: IsValidWalSegSize in PostgreSQL 18 src/include/access/xlog_internal.h.
 */
export function parseSegmentSize(sizeBytes: number): SegmentSize {
  if (!isSegmentSize(sizeBytes)) {
    throw new Failure('wrong_cluster', `${sizeBytes} bytes is not a WAL segment size`, {
      hint: 'A segment size is a power of two from 1 MiB to 1 GiB: compare "SHOW wal_segment_size" on the cluster.',
    });
  }
  return sizeBytes;
}

export function isSegmentSize(sizeBytes: number): sizeBytes is SegmentSize {
  return sizeBytes >= smallestSegmentSize && sizeBytes <= largestSegmentSize && Number.isInteger(Math.log2(sizeBytes));
}

/** How many segments share the first half of their position: 4096 of 1 MiB, 256 of 16 MiB, 4 of 1 GiB. */
export function segmentsPerLog(size: SegmentSize): number {
  return 2 ** 32 / size;
}
