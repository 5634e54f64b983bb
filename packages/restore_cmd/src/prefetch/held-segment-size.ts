import { statSync } from 'node:fs';
import { parseSegmentSize, type SegmentSize } from '@archive2/core/wal/segment-size.ts';

/** The segment size that a complete segment shows by its own size. */
export function segmentSizeOf(path: string): SegmentSize {
  return parseSegmentSize(statSync(path).size);
}
