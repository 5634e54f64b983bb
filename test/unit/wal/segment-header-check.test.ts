import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseArchiveFileName, type SegmentFile } from '../../../packages/core/src/wal/archive-file.ts';
import { lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { parsePageHeader } from '../../../packages/core/src/wal/page-header.ts';
import { checkSegmentHeader, type ExpectedIdentity } from '../../../packages/core/src/wal/segment-header-check.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../../../packages/core/src/wal/segment-position.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { parseSystemIdentifier } from '../../../packages/core/src/wal/system-identifier.ts';
import { anyPosition, anySegmentSize, anyTimeline } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';
import { firstSegmentOfPostgres15, type PageFields, pageBytes } from './page-bytes.ts';

const name = '000000010000000000000003';
const thisCluster: ExpectedIdentity = {
  systemIdentifier: parseSystemIdentifier('7710547627397989049'),
  segmentSize: parseSegmentSize(2 ** 24),
};

function check(fields: PageFields, fileName = name, expected: ExpectedIdentity | undefined = thisCluster) {
  return checkSegmentHeader(
    parsePageHeader(pageBytes(fields)),
    parseArchiveFileName(fileName) as SegmentFile,
    expected,
  );
}

test('a segment that fits its name and its cluster gives its identity', () => {
  expect(check({})).toEqual({ ...thisCluster, postgresMajor: 15 });
  const first = parseArchiveFileName('000000010000000000000001') as SegmentFile;
  expect(checkSegmentHeader(parsePageHeader(firstSegmentOfPostgres15), first, thisCluster).postgresMajor).toBe(15);
});

test('a partial segment is checked as its segment is', () => {
  expect(check({}, `${name}.partial`).segmentSize).toBe(2 ** 24);
  failureOf('bad_page_header', () => check({}, '000000010000000000000004.partial'));
});

test("the first segment after a promotion carries the parent's timeline", () => {
  expect(check({ timeline: 1 }, '000000020000000000000003')).toEqual({ ...thisCluster, postgresMajor: 15 });
  expect(check({ timeline: 2 }, '000000070000000000000003').postgresMajor).toBe(15);
});

test('every header fits the name of its own position and timeline', () => {
  fc.assert(
    fc.property(anyPosition, anyTimeline, anySegmentSize, (position, timeline, segmentSize) => {
      const number = segmentNumberOfLsn(lsnFromBytes(position), segmentSize);
      const pageAddress = number * BigInt(segmentSize);
      const fileName = segmentNameAt(timeline, number, segmentSize);
      expect(check({ timeline, pageAddress, segmentSize }, fileName, { ...thisCluster, segmentSize })).toMatchObject({
        segmentSize,
      });
      const elsewhere = pageAddress === 0n ? BigInt(segmentSize) : pageAddress - BigInt(segmentSize);
      failureOf('bad_page_header', () =>
        check({ timeline, pageAddress: elsewhere, segmentSize }, fileName, { ...thisCluster, segmentSize }),
      );
    }),
  );
});

describe('a segment of another cluster is refused', () => {
  test('another system identifier: both are told', () => {
    const failure = failureOf('wrong_cluster', () => check({ systemIdentifier: 7710547627397989050n }));
    expect(failure.message).toContain('7710547627397989050');
    expect(failure.message).toContain('7710547627397989049');
    expect(failure.hint).toContain('pg_upgrade');
  });

  test('another segment size: both are told', () => {
    const failure = failureOf('wrong_cluster', () => check({ segmentSize: 2 ** 26 }));
    expect(failure.message).toContain('67108864');
    expect(failure.message).toContain('16777216');
  });

  test('where no cluster is expected, every identity is good', () => {
    const any = { systemIdentifier: 1n, segmentSize: 2 ** 20, pageAddress: 0x30_0000n };
    const header = parsePageHeader(pageBytes(any));
    const file = parseArchiveFileName(name) as SegmentFile;
    expect(checkSegmentHeader(header, file).systemIdentifier).toBe(1n);
  });
});

describe('a header that does not fit is refused', () => {
  test.each<[string, PageFields]>([
    ['no long header', { info: 0x0000 }],
    ['other flags but not that of a long header', { info: 0x000d }],
    ['unknown flags', { info: 0x0012 }],
    ['the previous segment', { pageAddress: 0x200_0000n }],
    ['the next page', { pageAddress: 0x300_2000n }],
    ['one byte off', { pageAddress: 0x300_0001n }],
    ['the same segment 4 GiB later', { pageAddress: 0x1_0300_0000n }],
    ['a recycled segment', { pageAddress: 0n }],
    ['a later timeline', { timeline: 2 }],
    ['the last timeline', { timeline: 0xffffffff }],
    ['timeline 0', { timeline: 0 }],
    ['no system identifier', { systemIdentifier: 0n }],
    ['pages of 0 bytes', { blockSize: 0 }],
    ['pages of 512 bytes', { blockSize: 512 }],
    ['pages of 128 KiB', { blockSize: 131072 }],
    ['pages of no power of two', { blockSize: 8191 }],
  ])('%s', (_what, fields) => {
    expect(failureOf('bad_page_header', () => check(fields)).hint).toMatch(/\.$/);
  });

  test.each([0, 1, 2 ** 19, 2 ** 31, 2 ** 24 + 8192, 0xffffffff])('%d is no segment size', (segmentSize) => {
    failureOf('wrong_cluster', () => check({ segmentSize }));
  });

  test('a position that the segment size does not have', () => {
    failureOf('bad_name', () => check({}, '000000010000000000000100'));
  });

  test('both positions are told', () => {
    const { message } = failureOf('bad_page_header', () => check({ pageAddress: 0x200_0000n }));
    expect(message).toContain('0/2000000');
    expect(message).toContain('0/3000000');
  });

  test('both timelines are told', () => {
    const { message } = failureOf('bad_page_header', () => check({ timeline: 9 }));
    expect(message).toContain('timeline 9');
    expect(message).toContain('1 to 1');
  });
});

test('page sizes from 1 KiB to 64 KiB are accepted', () => {
  for (let blockSize = 1024; blockSize <= 65536; blockSize *= 2) expect(check({ blockSize })).toBeDefined();
});

test('a newer PostgreSQL may have more flags', () => {
  expect(check({ magic: 0xd11b, info: 0x0012 }).postgresMajor).toBeUndefined();
});
