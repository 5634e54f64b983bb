/**
 * Measures each of some things once a round, so that a change in the machine's speed meets them all; each round begins with another one, as
 * what ran before shows in a time.
 */
export async function inTurn<Thing, T>(
  things: readonly Thing[],
  rounds: number,
  measure: (thing: Thing, round: number) => Promise<T>,
): Promise<Map<Thing, T[]>> {
  const measured = new Map<Thing, T[]>(things.map((thing) => [thing, []]));
  for (let round = 0; round < rounds; round++) {
    const first = round % things.length;
    for (const thing of [...things.slice(first), ...things.slice(0, first)]) {
      measured.get(thing)?.push(await measure(thing, round + 1));
    }
  }
  return measured;
}
