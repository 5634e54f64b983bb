import { withDeadline } from '@archive2/core/base/deadline.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { type Known, known, unknown } from '../model/known.ts';

/**
 * Asks one source, and waits no longer than `timeoutMs`. Never rejects: an error, or silence, is the reason for which nothing is known.
 * The work itself goes on after the timeout; who starts it again sees to it that it does not pile up.
 */
export async function askSource<T>(what: string, timeoutMs: number, work: () => Promise<T>): Promise<Known<T>> {
  const silence = () => new Error(`${what} did not answer within ${timeoutMs / 1000} s`);
  try {
    return known(await withDeadline(work(), timeoutMs, silence));
  } catch (error) {
    return unknown(reasonOf(error, what));
  }
}

function reasonOf(error: unknown, what: string): string {
  // What Node.js has for a name with several addresses, without a message of its own.
  const first = error instanceof AggregateError ? (error.errors[0] as unknown) : error;
  const { message } = toFailure(first);
  return message.includes(what) ? message : `${what}: ${message}`;
}
