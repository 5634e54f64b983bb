import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Catalog, CatalogReader, catalogPieces } from '../../../packages/core/src/protocol/catalog-text.ts';
import type { AcceptedHole } from '../../../packages/core/src/wal/accepted-hole.ts';
import type { ArchiveFileName, SegmentName } from '../../../packages/core/src/wal/archive-file.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';

const anySegment = fc.integer({ min: 0, max: 100_000 }).map((number) => nameOf(number) as SegmentName);
const anyName = fc
  .tuple(anySegment, fc.constantFrom('', '.partial', '.00000028.backup'))
  .map(([segment, rest]) => `${segment}${rest}` as ArchiveFileName);
const anyHole: fc.Arbitrary<AcceptedHole> = fc
  .record({
    from: fc.integer({ min: 0, max: 1000 }),
    length: fc.nat({ max: 50 }),
    why: fc.string({ unit: 'grapheme', maxLength: 40 }),
    who: fc.string({ maxLength: 40 }),
    atMs: fc.integer({ min: 0, max: 2_000_000_000_000 }),
  })
  .map(({ from, length, ...rest }) => ({
    from: nameOf(from) as SegmentName,
    to: nameOf(from + length) as SegmentName,
    ...rest,
  }));
const anyCatalog: fc.Arbitrary<Catalog> = fc.record({
  stored: fc.array(fc.tuple(anyName, fc.nat())).map((entries) => new Map(entries)),
  owed: fc.array(anyName).map((names) => new Set(names)),
  removed: fc.array(anyName).map((names) => new Set(names)),
  backups: fc.array(anySegment).map((names) => new Set(names)),
  acceptedHoles: fc.array(anyHole, { maxLength: 5 }),
});

function read(pieces: Iterable<Buffer>): Catalog {
  const reader = new CatalogReader();
  for (const piece of pieces) reader.add(piece);
  return reader.catalog;
}

test('a catalog is read as it was written, in whatever pieces', () => {
  fc.assert(
    fc.property(anyCatalog, fc.integer({ min: 1, max: 4000 }), (catalog, pieceBytes) => {
      expect(read(catalogPieces(catalog, pieceBytes))).toEqual(catalog);
    }),
  );
});

test('100,000 names are written and read in far less than a second, in frames of bounded size', () => {
  const stored = new Map(Array.from({ length: 100_000 }, (_, number) => [nameOf(number) as ArchiveFileName, number]));
  const catalog = {
    stored,
    owed: new Set([]),
    removed: new Set([]),
    backups: new Set([]),
    acceptedHoles: [],
  } as Catalog;
  const begunMs = performance.now();
  const pieces = [...catalogPieces(catalog)];
  expect(read(pieces).stored.size).toBe(100_000);
  expect(performance.now() - begunMs).toBeLessThan(1000);
  expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThan(256 * 1024);
});

describe('what is no catalog is refused', () => {
  const name = nameOf(1);
  test.each([
    ['a line without an end', `s ${name} 1`],
    ['a line of no kind', `x ${name} 1\n`],
    ['an empty line', '\n'],
    ['a name that is none', 's ../../etc/passwd 1\n'],
    ['a part of somebody’s transfer', `s .${name}.0123456789abcdef.part 1\n`],
    ['no size', `s ${name}\n`],
    ['an empty size', `s ${name} \n`],
    ['a negative size', `s ${name} -1\n`],
    ['a size that is no number', `s ${name} 1e9\n`],
    ['a size beyond all numbers', `s ${name} 99999999999999999999\n`],
    ['a name twice', `s ${name} 1\ns ${name} 2\n`],
    ['a debt of no file', 'o x\n'],
    ['a tombstone of no file', 't \n'],
    ['a backup that begins with a history file', 'b 00000002.history\n'],
    ['a hole that is not JSON', 'h {\n'],
    ['a hole that is no object', 'h null\n'],
    [
      'a hole over two timelines',
      `h ${JSON.stringify({ from: name, to: nameOf(2, 2), why: '', who: '', at: '2026-01-01' })}\n`,
    ],
    [
      'a hole that ends before it begins',
      `h ${JSON.stringify({ from: nameOf(2), to: name, why: '', who: '', at: '2026-01-01' })}\n`,
    ],
    ['a hole without a date', `h ${JSON.stringify({ from: name, to: name, why: '', who: '', at: 'soon' })}\n`],
    [
      'a hole with a long story',
      `h ${JSON.stringify({ from: name, to: name, why: 'x'.repeat(501), who: '', at: '2026-01-01' })}\n`,
    ],
  ])('%s', async (_what, text) => {
    const { message } = await failureFrom('protocol', () => read([Buffer.from(text)]));
    expect(message.length).toBeLessThan(200);
  });

  test('or is one, whatever bytes come', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        try {
          read([Buffer.from(bytes)]);
        } catch (error) {
          expect(error).toMatchObject({ code: 'protocol' });
        }
      }),
    );
  });
});
