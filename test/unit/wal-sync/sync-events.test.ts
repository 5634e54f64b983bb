import type { Hole } from '@archive2/core/wal/holes.ts';
import { describe, expect, test } from 'vitest';
import { holeEvents } from '../../../packages/wal-sync/src/sync-events.ts';

const hole = (from: string, to: string, accepted?: object) => ({ from, to, count: 2, accepted }) as unknown as Hole;

describe('holes', () => {
  test('are told once, and once when they are filled', () => {
    const told = new Map<unknown, string>();
    const run = (...holes: Hole[]) => {
      const events = holeEvents(holes, told);
      for (const { event, range } of events) told.set(range, event);
      return events.map(({ event, range }) => `${event} ${String(range)}`);
    };
    expect(run(hole('A1', 'A2'))).toEqual(['hole-found A1-A2']);
    expect(run(hole('A1', 'A2'), hole('B1', 'B2'))).toEqual(['hole-found B1-B2']);
    expect(run(hole('B1', 'B2'))).toEqual(['hole-filled A1-A2']);
    expect(run(hole('A1', 'A2'), hole('B1', 'B2'))).toEqual(['hole-found A1-A2']);
  });

  test('that a person has accepted are neither news nor filled', () => {
    const accepted = hole('A1', 'A2', { who: 'a person' });
    expect(holeEvents([accepted], new Map())).toEqual([]);
    expect(holeEvents([accepted], new Map([['A1-A2', 'hole-found']]))).toEqual([]);
  });
});
