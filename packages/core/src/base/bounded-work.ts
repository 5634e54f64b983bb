/**
 * Works on all items, `width` at a time, begun in their order. Rejects with the first error, after what was begun has ended;
 * nothing new is begun after it.
 */
export async function workBounded<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  let failed: { error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    while (failed === undefined) {
      const step = iterator.next();
      if (step.done) return;
      try {
        await work(step.value);
      } catch (error) {
        failed ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: width }, worker));
  if (failed !== undefined) throw failed.error;
}
