import * as fc from 'fast-check';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';

export const segmentSizes = Array.from({ length: 11 }, (_, power) => parseSegmentSize(2 ** (20 + power)));

export const anySegmentSize = fc.constantFrom(...segmentSizes);

export const anyTimeline = fc.integer({ min: 1, max: 0xffffffff }).map((value) => timelineFromNumber(value)!);

export const anyPosition = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
