import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBook } from '../../../packages/archive-status/src/samples/sample-book.ts';
import {
  growthOver,
  type Ring,
  type Series,
  whenZero,
  withSample,
} from '../../../packages/archive-status/src/samples/series.ts';

const ring: Ring = { everyMs: 100, keep: 5 };

describe('samples', () => {
  it('are kept at their distance, the newest so many', () => {
    let series: Series = [];
    for (let atMs = 0; atMs <= 1000; atMs += 50) series = withSample(series, { atMs, value: atMs }, ring);
    expect(series.map(({ atMs }) => atMs)).toEqual([600, 700, 800, 900, 1000]);
  });

  it('from the future are dropped when a clock was set back', () => {
    const series = withSample([{ atMs: 5000, value: 1 }], { atMs: 100, value: 2 }, ring);
    expect(series).toEqual([{ atMs: 100, value: 2 }]);
  });

  it('say when a value that falls is at zero, as far as a straight line does', () => {
    const samples = [0, 100, 200, 300].map((atMs) => ({ atMs, value: 1000 - atMs }));
    expect(whenZero(samples, { atMs: 400, value: 600 }, 400)).toBe(1000);
  });

  it('say nothing before there are enough, or while they are of too short a time', () => {
    const two = [0, 100].map((atMs) => ({ atMs, value: 1000 - atMs }));
    expect(whenZero(two, { atMs: 200, value: 800 }, 0)).toBeUndefined();
    const samples = [0, 100, 200, 300].map((atMs) => ({ atMs, value: 1000 - atMs }));
    expect(whenZero(samples, { atMs: 399, value: 601 }, 400)).toBeUndefined();
  });

  it('that do not fall are at zero never', () => {
    const samples = [0, 100, 200, 300].map((atMs) => ({ atMs, value: 1000 + atMs }));
    expect(whenZero(samples, { atMs: 400, value: 1400 }, 0)).toBeNull();
    expect(
      whenZero(
        samples.map((it) => ({ ...it, value: 7 })),
        { atMs: 400, value: 7 },
        0,
      ),
    ).toBeNull();
  });

  it('give a time in the future, or none, whatever they are', () => {
    const values = fc.array(fc.nat(2 ** 40), { minLength: 4, maxLength: 30 });
    fc.assert(
      fc.property(values, (all) => {
        const samples = all.map((value, index) => ({ atMs: index * 1000, value }));
        const now = { atMs: all.length * 1000, value: all[0] ?? 0 };
        const at = whenZero(samples, now, 0);
        return at === null || (at !== undefined && at >= now.atMs);
      }),
    );
  });

  it('tell growth since the youngest that is old enough', () => {
    const samples = [0, 100, 200].map((atMs) => ({ atMs, value: atMs / 100 }));
    expect(growthOver(samples, { atMs: 300, value: 9 }, 100)).toBe(7);
    expect(growthOver(samples, { atMs: 300, value: 9 }, 301)).toBeUndefined();
  });

  it('of a file that is none are no samples', () => {
    for (const text of ['', 'x', '[]', '{"version":2,"series":{"a":[[1,2]]}}', '{"version":1,"series":3}']) {
      expect(parseBook(text).size).toBe(0);
    }
    const book = parseBook('{"version":1,"series":{"a":[[2,3],["x",1],[1,2],null],"b":7}}');
    expect(book.get('a')).toEqual([
      { atMs: 1, value: 2 },
      { atMs: 2, value: 3 },
    ]);
    expect(book.has('b')).toBe(false);
  });
});
