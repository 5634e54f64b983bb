import { expect, test } from 'vitest';
import { balancedOrder, inTurn } from '../../../scripts/bench/in-turn.ts';

test.each([2, 3, 4, 5, 6])(
  'of %i things each comes at each place, and behind each other one, equally often',
  (count) => {
    const rounds = count % 2 === 0 ? count : 2 * count;
    const places = new Map<string, number>();
    const pairs = new Map<string, number>();
    const counted = (counts: Map<string, number>, key: string) => counts.set(key, (counts.get(key) ?? 0) + 1);
    for (let round = 0; round < rounds; round += 1) {
      const order = balancedOrder(count, round);
      expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, place) => place));
      for (const [at, place] of order.entries()) {
        counted(places, `${place} at ${at}`);
        if (at > 0) counted(pairs, `${place} behind ${order[at - 1]}`);
      }
    }
    expect([places.size, new Set(places.values()).size]).toEqual([count * count, 1]);
    expect([pairs.size, new Set(pairs.values()).size]).toEqual([count * (count - 1), 1]);
  },
);

test('one thing is measured once a round', async () => {
  const rounds: number[] = [];
  const measured = await inTurn(['it'], 3, async (_, round) => rounds.push(round));
  expect(rounds).toEqual([1, 2, 3]);
  expect(measured.get('it')).toHaveLength(3);
});
