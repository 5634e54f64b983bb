import { expect, test } from 'vitest';
import { parsePageHeader } from '../../../packages/core/src/wal/page-header.ts';
import { postgresMajorOfMagic } from '../../../packages/core/src/wal/page-magic.ts';
import { failureOf } from './expect-failure.ts';
import { firstSegmentOfPostgres15, pageBytes } from './page-bytes.ts';

test("a real segment's header is read as pg_controldata and its name have it", () => {
  expect(parsePageHeader(firstSegmentOfPostgres15)).toEqual({
    magic: 0xd110,
    postgresMajor: 15,
    info: 2,
    timeline: 1,
    pageAddress: 0x100_0000n,
    remLen: 0,
    systemIdentifier: 7710547627397989049n,
    segmentSize: 16777216,
    blockSize: 8192,
  });
});

test('the rest of the page does not matter', () => {
  const page = Buffer.concat([firstSegmentOfPostgres15, Buffer.alloc(8152, 0xff)]);
  expect(parsePageHeader(page)).toEqual(parsePageHeader(firstSegmentOfPostgres15));
});

test('a header that is cut short is refused', () => {
  for (let length = 0; length < 40; length++) {
    const cut = firstSegmentOfPostgres15.subarray(0, length);
    expect(failureOf('bad_page_header', () => parsePageHeader(cut)).message).toContain(`${length} bytes`);
  }
});

test('a page of zeros is refused with a message of its own', () => {
  expect(failureOf('bad_page_header', () => parsePageHeader(Buffer.alloc(8192))).message).toContain('zeros');
});

test('the magic tells the major version', () => {
  const known: [number, number][] = [
    [0xd101, 12],
    [0xd106, 13],
    [0xd10d, 14],
    [0xd110, 15],
    [0xd113, 16],
    [0xd116, 17],
    [0xd118, 18],
  ];
  for (const [magic, major] of known) expect(postgresMajorOfMagic(magic)).toBe(major);
});

test('a magic above the newest known is a newer PostgreSQL', () => {
  expect(postgresMajorOfMagic(0xd119)).toBeUndefined();
  expect(postgresMajorOfMagic(0xdfff)).toBeUndefined();
  expect(parsePageHeader(pageBytes({ magic: 0xd11c })).postgresMajor).toBeUndefined();
});

test.each([0, 0xd098, 0xd100, 0xd102, 0xd117, 0xe000, 0xffff, 0x2f28])('magic %d is refused', (magic) => {
  const shown = magic.toString(16).toUpperCase().padStart(4, '0');
  expect(failureOf('bad_page_header', () => postgresMajorOfMagic(magic)).message).toContain(shown);
});

test('WAL of a big-endian machine is told as such', () => {
  expect(failureOf('bad_page_header', () => postgresMajorOfMagic(0x10d1)).hint).toContain('big-endian');
});
