import { FailureStreak } from '@archive2/core/base/failure-streak.ts';
import { HistogramCounter } from '@archive2/core/base/histogram.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BacklogWatch } from '../../../packages/archive_cmd/src/agent/backlog-watch.ts';
import { ServingHost } from '../../../packages/archive_cmd/src/agent/serving-host.ts';

describe('the host that WAL goes to', () => {
  test('is the preferred one until another one confirms', () => {
    const serving = new ServingHost('arch1');
    expect(serving.confirmed('arch1', 0, 1)).toBeUndefined();
    expect(serving.confirmed('arch2', 2, 3)).toBe('arch1');
    expect(serving.confirmed('arch2', 4, 5)).toBeUndefined();
    expect(serving.confirmed('arch1', 6, 7)).toBe('arch2');
  });

  test('files that were on their way at the switch do not switch it back', () => {
    const serving = new ServingHost('arch1');
    expect(serving.confirmed('arch2', 10, 20)).toBe('arch1');
    for (const begunMs of [11, 15, 19]) expect(serving.confirmed('arch1', begunMs, 30)).toBeUndefined();
    expect(serving.confirmed('arch1', 20, 31)).toBe('arch2');
  });
});

describe('a backlog', () => {
  test('is many files for longer than a burst, and over when few are left', () => {
    const watch = new BacklogWatch();
    expect(watch.saw(31, 0)).toBeUndefined();
    expect(watch.saw(32, 1000)).toBeUndefined();
    expect(watch.saw(500, 60_999)).toBeUndefined();
    expect(watch.saw(400, 61_000)).toEqual({ began: true });
    expect(watch.saw(900, 70_000)).toBeUndefined();
    expect(watch.saw(10, 80_000)).toBeUndefined();
    expect(watch.saw(4, 91_000)).toEqual({ ended: true, most: 900, forMs: 90_000 });
    expect(watch.saw(0, 92_000)).toBeUndefined();
  });

  test('a burst is none, and the next one counts from its own beginning', () => {
    const watch = new BacklogWatch();
    for (let nowMs = 0; nowMs < 3_600_000; nowMs += 30_000) {
      expect(watch.saw(nowMs % 60_000 === 0 ? 1000 : 31, nowMs)).toBeUndefined();
    }
  });

  test('begins and ends in turn, whatever is seen', () => {
    const looks = fc.array(fc.tuple(fc.nat(100), fc.nat(100_000)), { maxLength: 200 });
    fc.assert(
      fc.property(looks, (seen) => {
        const watch = new BacklogWatch();
        let [nowMs, isBehind] = [0, false];
        for (const [ready, laterMs] of seen) {
          nowMs += laterMs;
          const change = watch.saw(ready, nowMs);
          if (change === undefined) continue;
          expect('began' in change).toBe(!isBehind);
          isBehind = !isBehind;
        }
      }),
    );
  });
});

describe('failures in a row', () => {
  test('are news once for each code, until a success says how many there were', () => {
    const streak = new FailureStreak();
    expect(streak.succeeded(0)).toBeUndefined();
    expect(['a', 'a', 'b', 'a', 'b'].map((code, index) => streak.failed(code, index))).toEqual([
      true,
      false,
      true,
      false,
      false,
    ]);
    expect(streak.succeeded(10)).toEqual({ failures: 5, forMs: 10 });
    expect(streak.succeeded(11)).toBeUndefined();
    expect(streak.failed('a', 20)).toBe(true);
  });
});

describe('a histogram', () => {
  test('counts each value under the first bound that it does not exceed', () => {
    const counter = new HistogramCounter([1, 2, 5]);
    for (const value of [0, 1, 1.5, 2, 5, 6]) counter.observe(value);
    expect(counter.value).toEqual({ counts: [2, 2, 1, 1], sum: 15.5 });
  });

  test('goes on from what was counted before, unless that has other bounds', () => {
    const before = { counts: [2, 2, 1, 1], sum: 15.5 };
    const counter = new HistogramCounter([1, 2, 5], before);
    counter.observe(0.5);
    expect(counter.value).toEqual({ counts: [3, 2, 1, 1], sum: 16 });
    expect(before.counts).toEqual([2, 2, 1, 1]);
    expect(new HistogramCounter([1, 2], before).value).toEqual({ counts: [0, 0, 0], sum: 0 });
  });
});
