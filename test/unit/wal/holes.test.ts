import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AcceptedHole } from '../../../packages/core/src/wal/accepted-hole.ts';
import {
  type ArchiveFileName,
  parseArchiveFileName,
  type SegmentName,
} from '../../../packages/core/src/wal/archive-file.ts';
import { type BackupStart, findHoles } from '../../../packages/core/src/wal/holes.ts';
import { type Descent, laterWal } from '../../../packages/core/src/wal/later-wal.ts';
import { lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { nameOf } from '../archive/wal-segment.ts';

const size = parseSegmentSize(2 ** 20);
const names = (timeline: number, ...numbers: number[]) =>
  numbers.map((number) => nameOf(number, timeline) as ArchiveFileName);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** A timeline that left others, each in the middle of a segment. */
function descent(timeline: number, ...ancestors: [timeline: number, segment: number][]): Descent {
  return {
    timeline: timelineFromNumber(timeline)!,
    ancestors: ancestors.map(([of, segment]) => ({
      timeline: timelineFromNumber(of)!,
      switchLsn: lsnFromBytes(BigInt(segment) * 2n ** 20n + 4711n),
      reason: '',
    })),
  };
}

function holes(
  present: readonly ArchiveFileName[],
  {
    descents = [] as Descent[],
    backups = [] as [timeline: number, segment: number][],
    accepted = [] as AcceptedHole[],
  } = {},
): [timeline: number, from: number, count: number, accepted: boolean][] {
  const starts: BackupStart[] = backups.map(([of, segment]) => ({ timeline: timelineFromNumber(of)!, segment }));
  const found = findHoles({ names: present, descents, backups: starts, accepted, segmentSize: size });
  return found.map(({ timeline, from, to, count, accepted }) => {
    const number = (name: string) =>
      Number.parseInt(name.slice(8, 16), 16) * 4096 + Number.parseInt(name.slice(16), 16);
    expect(number(to) - number(from) + 1).toBe(count);
    return [timeline, number(from), count, accepted !== undefined];
  });
}

function acceptance(from: number, to: number, timeline = 1): AcceptedHole {
  const name = (number: number) => nameOf(number, timeline) as SegmentName;
  return { from: name(from), to: name(to), why: 'lost', who: 'x', atMs: 0 };
}

describe('a hole', () => {
  test('is every gap between the oldest and the newest segment of a timeline', () => {
    expect(holes(names(1, 3, 4, 7, 8, 10))).toEqual([
      [1, 5, 2, false],
      [1, 9, 1, false],
    ]);
    expect(holes(names(1, 3, 4, 5))).toEqual([]);
    expect(holes([])).toEqual([]);
  });

  test('goes over the boundary of a log file', () => {
    expect(holes(names(1, 4095, 4097))).toEqual([[1, 4096, 1, false]]);
  });

  test('begins with the oldest backup, although its first segment is missing, too', () => {
    expect(holes(names(1, 7, 8), { backups: [[1, 5]] })).toEqual([[1, 5, 2, false]]);
  });

  test('before the oldest backup is none', () => {
    expect(holes(names(1, 1, 4, 5, 6), { backups: [[1, 5]] })).toEqual([]);
  });

  test('is the end of a parent that a child with WAL of its own builds on, up to the segment of the branch', () => {
    const descents = [descent(2, [1, 6])];
    expect(holes([...names(1, 1, 2, 3), ...names(2, 6, 7)], { descents })).toEqual([[1, 4, 2, false]]);
    expect(holes([...names(1, 1, 2, 3, 4, 5), ...names(2, 6, 7)], { descents })).toEqual([]);
  });

  test('is not made by a child that has no WAL yet', () => {
    expect(holes(names(1, 1, 2, 3), { descents: [descent(2, [1, 6])] })).toEqual([]);
  });

  test('is the beginning of a child, from the segment of its branch', () => {
    const descents = [descent(2, [1, 4])];
    expect(holes([...names(1, 1, 2, 3, 4), ...names(2, 6)], { descents })).toEqual([[2, 4, 2, false]]);
  });

  test('of a parent that was cleaned up is none', () => {
    expect(holes(names(2, 25, 26), { descents: [descent(2, [1, 15])] })).toEqual([]);
  });

  test('is found on a child of an earlier restore, whose segments are older though its timeline is higher', () => {
    const descents = [descent(2, [1, 100]), descent(3, [1, 50])];
    const present = [...names(1, ...range(90, 100)), ...names(2, 100, 101), ...names(3, 50, 52)];
    expect(holes(present, { descents })).toEqual([[3, 51, 1, false]]);
  });

  test('is filled by a full segment only', () => {
    const partial = `${nameOf(2)}.partial` as ArchiveFileName;
    expect(holes([...names(1, 1, 3), partial])).toEqual([[1, 2, 1, false]]);
  });

  test('is accepted where a person has said so, and only there', () => {
    expect(holes(names(1, 1, 10), { accepted: [acceptance(4, 5)] })).toEqual([
      [1, 2, 2, false],
      [1, 4, 2, true],
      [1, 6, 4, false],
    ]);
    expect(holes(names(1, 1, 4), { accepted: [acceptance(0, 9)] })).toEqual([[1, 2, 2, true]]);
    expect(holes(names(1, 1, 4), { accepted: [acceptance(2, 3, 2)] })).toEqual([[1, 2, 2, false]]);
  });
});

test('a segment is in a hole exactly if a reader is told that later WAL builds on it', () => {
  const anyWorld = fc.record({
    first: fc.subarray(range(10, 30), { minLength: 1 }),
    second: fc.subarray(range(10, 30)),
    third: fc.subarray(range(10, 30)),
    branches: fc.tuple(fc.integer({ min: 10, max: 29 }), fc.integer({ min: 10, max: 29 })),
    thirdFrom: fc.constantFrom(1, 2),
  });
  fc.assert(
    fc.property(anyWorld, ({ first, second, third, branches: [b2, b3], thirdFrom }) => {
      const descents = [
        descent(2, [1, b2]),
        thirdFrom === 1 ? descent(3, [1, b3]) : descent(3, [1, b2], [2, Math.max(b2, b3)]),
      ];
      const starts = [0, 10, b2, thirdFrom === 1 ? b3 : Math.max(b2, b3)];
      const own = (timeline: number, numbers: number[]) =>
        names(timeline, ...numbers.filter((number) => number >= (starts[timeline] ?? 0)));
      const present = [...own(1, first), ...own(2, second), ...own(3, third)];
      // With a backup at 10 the whole of every timeline counts.
      const found = holes(present, { descents, backups: [[1, 10]] });
      const inHole = new Set(
        found.flatMap(([timeline, from, count]) => names(timeline, ...range(from, from + count - 1))),
      );
      for (const timeline of [1, 2, 3]) {
        for (const number of range(starts[timeline] ?? 10, 31)) {
          const [name] = names(timeline, number);
          const file = parseArchiveFileName(name ?? '');
          if (file.kind !== 'segment' || present.includes(file.name)) continue;
          const isHole = laterWal(file, present, descents, size) !== undefined;
          expect(inHole.has(file.name), file.name).toBe(isHole);
        }
      }
    }),
    { numRuns: 500 },
  );
});
