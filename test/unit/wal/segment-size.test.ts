import { expect, test } from 'vitest';
import { parseSegmentSize, segmentsPerLog } from '../../../packages/core/src/wal/segment-size.ts';
import { segmentSizes } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

test('the powers of two from 1 MiB to 1 GiB are segment sizes', () => {
  expect(segmentSizes).toHaveLength(11);
  expect([segmentSizes[0], segmentSizes.at(-1)]).toEqual([1048576, 1073741824]);
});

test.each([0, -16777216, 2 ** 19, 2 ** 31, 2 ** 24 + 1, 2 ** 24 - 1, 3 * 2 ** 20, 2 ** 20 + 0.5, NaN, Infinity])(
  '%d is not a segment size',
  (size) => {
    expect(failureOf('wrong_cluster', () => parseSegmentSize(size)).hint).toContain('wal_segment_size');
  },
);

test('every segment size divides the 4 GiB of one log half', () => {
  for (const size of segmentSizes) expect(segmentsPerLog(size) * size).toBe(2 ** 32);
});
