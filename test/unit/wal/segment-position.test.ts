import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseArchiveFileName, type SegmentFile } from '../../../packages/core/src/wal/archive-file.ts';
import { formatLsn, lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import {
  checkPosition,
  nextSegment,
  type PositionedFile,
  segmentNameAt,
  segmentNumber,
  segmentNumberOfLsn,
  segmentStartLsn,
} from '../../../packages/core/src/wal/segment-position.ts';
import { parseSegmentSize, type SegmentSize, segmentsPerLog } from '../../../packages/core/src/wal/segment-size.ts';
import { formatHalf, parseTimelineId } from '../../../packages/core/src/wal/timeline-id.ts';
import { anyPosition, anySegmentSize, anyTimeline, segmentSizes } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

const mib = 2 ** 20;
const size16 = parseSegmentSize(16 * mib);
const timeline1 = parseTimelineId('00000001');

function segment(name: string): SegmentFile {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') throw new Error(`${name} is no segment`);
  return file;
}

function lastNumber(size: SegmentSize): bigint {
  return 2n ** 64n / BigInt(size) - 1n;
}

test('every position of every segment size names a segment that starts at or before it', () => {
  fc.assert(
    fc.property(anyPosition, anyTimeline, anySegmentSize, (position, timeline, size) => {
      const number = segmentNumberOfLsn(lsnFromBytes(position), size);
      const file = segment(segmentNameAt(timeline, number, size));
      expect(file.timeline).toBe(timeline);
      expect(segmentNumber(file, size)).toBe(number);
      const start = segmentStartLsn(file, size);
      expect(start <= position && position < start + BigInt(size)).toBe(true);
    }),
  );
});

test('the next segment starts where this one ends', () => {
  fc.assert(
    fc.property(anyPosition, anyTimeline, anySegmentSize, (position, timeline, size) => {
      const number = segmentNumberOfLsn(lsnFromBytes(position), size);
      fc.pre(number < lastNumber(size));
      const file = segment(segmentNameAt(timeline, number, size));
      const next = segment(nextSegment(file, size));
      expect(segmentStartLsn(next, size) - segmentStartLsn(file, size)).toBe(BigInt(size));
      expect(file.name < next.name).toBe(true);
    }),
  );
});

test.each(segmentSizes)('the last segment of a log half is followed by the first of the next (%d bytes)', (size) => {
  const last = formatHalf(segmentsPerLog(size) - 1);
  expect(nextSegment(segment(`0000000100000000${last}`), size)).toBe('000000010000000100000000');
});

test('positions are those of PostgreSQL', () => {
  expect(formatLsn(segmentStartLsn(segment('000000010000000A000000FE'), size16))).toBe('A/FE000000');
  expect(formatLsn(segmentStartLsn(segment('000000010000000000000FFF'), parseSegmentSize(mib)))).toBe('0/FFF00000');
  expect(formatLsn(segmentStartLsn(segment('000000010000000200000003'), parseSegmentSize(1024 * mib)))).toBe(
    '2/C0000000',
  );
});

test.each(segmentSizes)('a last half that is too great for segments of %d bytes is refused', (size) => {
  const tooGreat = segment(`0000000100000000${formatHalf(segmentsPerLog(size))}`);
  const failure = failureOf('bad_name', () => segmentNumber(tooGreat, size));
  expect(failure.message).toContain(String(size));
  expect(failure.hint).toContain(formatHalf(segmentsPerLog(size) - 1));
  checkPosition(segment(`0000000100000000${formatHalf(segmentsPerLog(size) - 1)}`), size);
});

test('a backup that starts beyond its segment is refused', () => {
  const backup = (offset: string) =>
    parseArchiveFileName(`000000010000000000000003.${offset}.backup`) as PositionedFile;
  checkPosition(backup('00FFFFFF'), size16);
  failureOf('bad_name', () => checkPosition(backup('01000000'), size16));
});

test('nothing follows the last segment there can be', () => {
  for (const size of segmentSizes) {
    const last = segment(segmentNameAt(timeline1, lastNumber(size), size));
    expect(last.log).toBe(0xffffffff);
    failureOf('bad_name', () => nextSegment(last, size));
  }
  failureOf('bad_name', () => segmentNameAt(timeline1, -1n, size16));
});
