import { Failure } from '../base/failure.ts';
import type { JournalEntry } from './task-journal.ts';

/** LSNs are bigints: JSON has them as {"$bigint": "123"}. */
export function stringifyEntry(entry: JournalEntry): string {
  const text = JSON.stringify(
    { format: 1, ...entry },
    (_key, value: unknown) => (typeof value === 'bigint' ? { $bigint: String(value) } : value),
    2,
  );
  return `${text}\n`;
}

/** Throws Failure `damaged` for anything that this program did not write. */
export function parseJournalEntry(text: string): JournalEntry {
  const json = JSON.parse(text, (_key, value: unknown) => {
    if (typeof value !== 'object' || value === null || !('$bigint' in value)) return value;
    return BigInt(String(value.$bigint));
  }) as JournalEntry & { format?: unknown };
  const { format, ...entry } = json;
  if (format === 1 && typeof entry.queue === 'string' && typeof entry.request?.token === 'string') return entry;
  throw new Failure('damaged', 'this is no entry of a journal of tasks', {
    hint: 'Look at "backup-queue history", and remove the file when the queue knows the task.',
  });
}
