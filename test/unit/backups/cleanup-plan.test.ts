import { describe, expect, test } from 'vitest';
import {
  type CandidateOnDisk,
  candidatesBelow,
  checkFraction,
  holdsStart,
  keptSinceMs,
  limitByAge,
  sharesByTimeline,
} from '../../../packages/core/src/backups/cleanup-plan.ts';
import { checkClock } from '../../../packages/core/src/backups/clock-check.ts';
import type { Protection } from '../../../packages/core/src/backups/protection.ts';
import { parseArchiveFileName, type SegmentFile } from '../../../packages/core/src/wal/archive-file.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureOf } from '../wal/expect-failure.ts';
import { nowMs, segments } from './backup-files.ts';
import { size } from './wal-world.ts';

const named = (...texts: string[]) => texts.map((text) => parseArchiveFileName(text).name);

function onDisk(names: readonly string[], modifiedMs = 0, sizeBytes = 10): CandidateOnDisk[] {
  return candidatesBelow(named(...names), 2n ** 40n, size).map((candidate) => ({
    ...candidate,
    sizeBytes,
    modifiedMs,
    inode: 1,
  }));
}

const backup = (startedMs: number | undefined, permits = true) => ({ startedMs, permits }) as Protection;

describe('what was written lately is kept', () => {
  test('since the newest complete backup began, whose ever it is', () => {
    expect(keptSinceMs([backup(100), backup(300), backup(200)], 0, 1000)).toBe(300);
    expect(keptSinceMs([backup(100), backup(300, false), backup(undefined, false)], 0, 1000)).toBe(100);
  });

  test('and for as long as was asked', () => {
    expect(keptSinceMs([backup(900)], 500, 1000)).toBe(500);
    expect(keptSinceMs([backup(100)], 500, 1000)).toBe(100);
  });

  test('with everything at or after its position, on all timelines, so that there are no holes', () => {
    const candidates = [...onDisk(segments(1, 9), 50), ...onDisk([nameOf(4, 2)], 100), ...onDisk([nameOf(6, 2)], 200)];
    expect(limitByAge(candidates, 10n, 100)).toBe(4n);
    expect(limitByAge(candidates, 10n, 101)).toBe(6n);
    expect(limitByAge(candidates, 10n, 201)).toBe(10n);
    expect(limitByAge(candidates, 3n, 100)).toBe(3n);
  });
});

describe('a plan that removes much', () => {
  test('is refused, up to the share that is allowed', () => {
    checkFraction(0, 0, 0);
    checkFraction(50, 100, 0.5);
    failureOf('cleanup_refused', () => checkFraction(51, 100, 0.5));
    failureOf('cleanup_refused', () => checkFraction(1, 100, 0));
    checkFraction(100, 100, 1);
  });
});

test('the shares say count, bytes, first and last of each timeline', () => {
  const shares = sharesByTimeline(onDisk([...segments(8, 9), nameOf(3, 2), `${nameOf(9)}.partial`]));
  expect(shares).toEqual([
    { timeline: 1, files: 3, bytes: 30, first: nameOf(8), last: `${nameOf(9)}.partial` },
    { timeline: 2, files: 1, bytes: 10, first: nameOf(3, 2), last: nameOf(3, 2) },
  ]);
});

describe('the WAL that a recovery begins with', () => {
  const start = parseArchiveFileName(nameOf(7, 2)) as SegmentFile;

  test.each([
    ['the segment', [nameOf(7, 2)], true],
    ['the one of a timeline that parts within it', [nameOf(7, 3)], true],
    ['its partial', [`${nameOf(7, 2)}.partial`], false],
    ['the one of an older timeline', [nameOf(7, 1)], false],
    ['the next one', [nameOf(8, 2)], false],
    ['nothing', [], false],
  ])('is there with %s: %j, %s', (_what, names, expected) => {
    expect(holdsStart(named(...names), start)).toBe(expected);
  });
});

describe('a clock', () => {
  const day = 24 * 3600 * 1000;
  const signs = { nowMs, peerNowMs: undefined, newestWalMs: undefined, lastRunMs: undefined };

  test('that nothing can be compared with, or that agrees, is believed', () => {
    checkClock(signs);
    checkClock({ ...signs, peerNowMs: nowMs + 60_000, newestWalMs: nowMs - day, lastRunMs: nowMs + 1000 });
    checkClock({ ...signs, newestWalMs: nowMs - 100 * day, lastRunMs: nowMs - day });
  });

  test.each([
    ['is ten years ahead of the peer', { peerNowMs: nowMs - 3650 * day }],
    ['is a day behind the peer', { peerNowMs: nowMs + day }],
    ['is ten years ahead of the WAL', { newestWalMs: nowMs - 3650 * day }],
    ['is ten years ahead of the last cleanup', { newestWalMs: nowMs - 3650 * day, lastRunMs: nowMs - 3649 * day }],
    ['is a day behind the WAL', { newestWalMs: nowMs + day }],
    ['is a day behind the last cleanup', { newestWalMs: nowMs - day, lastRunMs: nowMs + day }],
  ])('that %s is not', (_what, fields) => {
    failureOf('cleanup_refused', () => checkClock({ ...signs, ...fields }));
  });
});
