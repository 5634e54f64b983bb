import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseArchiveFileName, type SegmentFile } from '../../../packages/core/src/wal/archive-file.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import {
  planPrefetch,
  windowAfter,
  windowCounts,
  windowUpTo,
} from '../../../packages/restore_cmd/src/prefetch/window.ts';

const mb = 2 ** 20;
const gb = 2 ** 30;
const sizes = Array.from({ length: 11 }, (_, power) => parseSegmentSize(2 ** (20 + power)));

const names = (...numbers: number[]) => numbers.map((number) => `00000001000000000000000${number}`);

function segmentFile(name: string): SegmentFile {
  return parseArchiveFileName(name) as SegmentFile;
}

describe('what a buffer may hold', () => {
  test.each([
    ['16 MB segments, as shipped', 8, gb, 16 * mb, { ahead: 8, behind: 4 }],
    ['64 MB segments, as shipped', 8, gb, 64 * mb, { ahead: 8, behind: 4 }],
    ['256 MB segments, as shipped', 8, gb, 256 * mb, { ahead: 4, behind: 0 }],
    ['1 GB segments, as shipped', 8, gb, gb, { ahead: 1, behind: 0 }],
    ['1 GB segments and less than one', 8, gb - 1, gb, { ahead: 0, behind: 0 }],
    ['16 MB segments in 256 MB', 8, 256 * mb, 16 * mb, { ahead: 8, behind: 4 }],
    ['16 MB segments in 160 MB', 8, 160 * mb, 16 * mb, { ahead: 8, behind: 2 }],
    ['no segments', 0, gb, 16 * mb, { ahead: 0, behind: 0 }],
    ['no bytes', 8, 0, 16 * mb, { ahead: 0, behind: 0 }],
  ])('%s', (_, segments, sizeBytes, size, expected) => {
    expect(windowCounts({ segments, sizeBytes }, parseSegmentSize(size))).toEqual(expected);
  });

  test('never takes more bytes or more segments ahead than it was told', () => {
    const bounds = fc.record({ segments: fc.nat(1024), sizeBytes: fc.nat({ max: 2 ** 45 }) });
    fc.assert(
      fc.property(bounds, fc.constantFrom(...sizes), (told, size) => {
        const { ahead, behind } = windowCounts(told, size);
        expect(ahead).toBeLessThanOrEqual(told.segments);
        expect((ahead + behind) * size).toBeLessThanOrEqual(told.sizeBytes);
      }),
    );
  });
});

describe('what is fetched and dropped', () => {
  const size = parseSegmentSize(mb);
  const asked = segmentFile('000000010000000100000000');
  const window = windowAfter(asked, 3, size);
  const behind = windowUpTo(asked, 2, size);
  const nothing = { window, behind, held: new Set<string>(), underWay: new Set<string>(), absent: undefined };

  test('what comes next is fetched in order, across the boundary of a log file', () => {
    expect(window).toEqual(['000000010000000100000001', '000000010000000100000002', '000000010000000100000003']);
    expect(behind).toEqual(['000000010000000100000000', '000000010000000000000FFF']);
    expect(planPrefetch({ ...nothing, freeSlots: 2 }).fetch).toEqual(window.slice(0, 2));
  });

  test('nothing is asked for again before PostgreSQL’s first segment', () => {
    expect(windowUpTo(segmentFile('000000010000000000000001'), 4, size)).toHaveLength(2);
  });

  test('what is held or under way is not fetched again, nor what lies beyond an absent one', () => {
    const [first = '', second = ''] = window;
    const state = { ...nothing, held: new Set([first]), underWay: new Set([second]), freeSlots: 5 };
    expect(planPrefetch(state).fetch).toEqual(window.slice(2));
    expect(planPrefetch({ ...nothing, absent: second, freeSlots: 5 }).fetch).toEqual([first]);
  });

  test('a fetch under way that nobody wants any more keeps its place until it is dropped', () => {
    const state = { ...nothing, underWay: new Set(names(7, 8, 9)), freeSlots: 5 };
    expect(planPrefetch(state).fetch).toEqual(window.slice(0, 1));
  });

  test('what is too far behind, too far ahead or of another timeline is dropped', () => {
    const keep = [...window, ...behind];
    const drop = ['000000010000000000000FFE', '000000010000000100000004', '000000020000000100000001'];
    expect(planPrefetch({ ...nothing, held: new Set([...keep, ...drop]), freeSlots: 2 }).drop).toEqual(drop);
  });
});
