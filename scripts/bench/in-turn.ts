/**
 * Measures each of some things once a round, so that a change in the machine's speed meets them all, in orders that are balanced for what
 * ran before: that shows in a time, by the memory, the caches and the writes that it leaves.
 */
export async function inTurn<Thing, T>(
  things: readonly Thing[],
  rounds: number,
  measure: (thing: Thing, round: number) => Promise<T>,
): Promise<Map<Thing, T[]>> {
  const measured = new Map<Thing, T[]>(things.map((thing) => [thing, []]));
  for (let round = 0; round < rounds; round++) {
    for (const place of balancedOrder(things.length, round)) {
      const thing = things[place] as Thing;
      measured.get(thing)?.push(await measure(thing, round + 1));
    }
  }
  return measured;
}

/**
 * The places 0 to `count` - 1 in the order of one round. After `count` rounds (twice as many if it is odd) each has been at each place, and
 * right behind each other one, equally often: E. J. Williams' design, 1949.
 */
export function balancedOrder(count: number, round: number): number[] {
  const order = Array.from({ length: count }, (_, at) => {
    // 0, 1, last, 2, last but one, ...
    const zigzag = at % 2 === 0 ? count - at / 2 : (at + 1) / 2;
    return (zigzag + round) % count;
  });
  return count % 2 === 1 && Math.floor(round / count) % 2 === 1 ? order.toReversed() : order;
}
