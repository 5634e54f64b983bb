import { statSync } from 'node:fs';

/** A look takes a few microseconds: other work waits a few milliseconds for a batch. */
const batchFiles = 1000;

/**
 * When the named files of a directory were last modified, in whole milliseconds and in their order. A name that is not there is left
 * out. Looks one after the other without waiting: an asynchronous stat costs several times as much (2 against 12 µs).
 */
export async function* modificationTimes<T extends string>(
  directory: string,
  names: Iterable<T>,
): AsyncGenerator<{ name: T; modifiedMs: number }> {
  let looked = 0;
  for (const name of names) {
    const modifiedMs = modificationTime(directory, name);
    if (modifiedMs !== undefined) yield { name, modifiedMs };
    looked += 1;
    if (looked % batchFiles === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

/** In whole milliseconds since the Unix epoch; undefined when there is no such file. */
export function modificationTime(directory: string, name: string): number | undefined {
  const stats = statSync(`${directory}/${name}`, { throwIfNoEntry: false });
  return stats === undefined ? undefined : Math.max(0, Math.trunc(stats.mtimeMs));
}
