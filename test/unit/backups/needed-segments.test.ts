import { describe, expect, test } from 'vitest';
import { neededSegments } from '../../../packages/core/src/backups/needed-segments.ts';
import { parseLsn } from '../../../packages/core/src/wal/lsn.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';

const size = parseSegmentSize(16 * 2 ** 20);
const range = (timeline: number, start: string, end: string) => ({
  start: { timeline: timelineFromNumber(timeline)!, lsn: parseLsn(start) },
  endLsn: parseLsn(end),
});

describe('the segments that a backup needs', () => {
  test('go from that of its start to that of the last byte before its end', () => {
    expect(neededSegments([range(1, '0/2000028', '0/2000100')], size)).toEqual(['000000010000000000000002']);
    expect(neededSegments([range(1, '0/2000028', '0/3000000')], size)).toEqual(['000000010000000000000002']);
    expect(neededSegments([range(1, '0/2000028', '0/3000001')], size)).toEqual([
      '000000010000000000000002',
      '000000010000000000000003',
    ]);
    expect(neededSegments([range(1, '0/FE000028', '1/1000000')], size)).toHaveLength(3);
  });

  test('of the segment in which a timeline was left are the child’s', () => {
    const ranges = [range(1, '0/2000028', '0/4000500'), range(3, '0/4000500', '0/5000100')];
    expect(neededSegments(ranges, size)).toEqual([
      '000000010000000000000002',
      '000000010000000000000003',
      '000000030000000000000004',
      '000000030000000000000005',
    ]);
  });

  test('of a timeline that was left at the end of a segment are all its own', () => {
    const ranges = [range(1, '0/2000028', '0/4000000'), range(2, '0/4000000', '0/4000100')];
    expect(neededSegments(ranges, size)).toEqual([
      '000000010000000000000002',
      '000000010000000000000003',
      '000000020000000000000004',
    ]);
  });
});
