import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatTimelineId, parseTimelineId, timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { anyTimeline } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

test('every timeline survives being written and read', () => {
  fc.assert(fc.property(anyTimeline, (timeline) => parseTimelineId(formatTimelineId(timeline)) === timeline));
  expect(formatTimelineId(parseTimelineId('0000000A'))).toBe('0000000A');
  expect(parseTimelineId('FFFFFFFF')).toBe(4294967295);
});

test.each(['00000000', '1', '0000000a', '000000010', '0000001', ' 0000001', '0000000G', '00000001\n', ''])(
  '%j is not a timeline',
  (digits) => {
    expect(failureOf('bad_name', () => parseTimelineId(digits)).hint).toContain('hexadecimal');
  },
);

test('numbers outside of 1 to 2^32 - 1 are no timelines', () => {
  for (const value of [0, -1, 1.5, 2 ** 32, NaN]) expect(timelineFromNumber(value)).toBeUndefined();
});
