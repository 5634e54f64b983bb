import { setTimeout as pause } from 'node:timers/promises';

export interface WaitOptions {
  /** What is awaited, in words that complete "gave up waiting for …". */
  what: string;
  /** Default 10 s. */
  timeoutMs?: number;
  /** Default 20 ms. */
  intervalMs?: number;
}

/**
 * Polls until the condition gives something other than false, null or undefined, and returns that.
 * A condition that throws counts as not met; its last error becomes the cause of the timeout's error.
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { what, timeoutMs = 10_000, intervalMs = 20 }: WaitOptions,
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = performance.now() + timeoutMs;
  let cause: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (value !== false && value !== null && value !== undefined) {
        return value as Exclude<T, false | null | undefined>;
      }
      cause = undefined;
    } catch (error) {
      cause = error;
    }
    if (performance.now() >= deadline) {
      const reason = cause instanceof Error ? `: ${cause.message}` : '';
      throw new Error(`gave up waiting for ${what} after ${timeoutMs} ms${reason}`, { cause });
    }
    await pause(intervalMs);
  }
}
