/**
 * Ends a wait that nobody else ends: rejects with `onExpiry()` when `work` has not settled within `timeoutMs`.
 *
 * The work itself goes on; a caller that wants it stopped does so in `onExpiry`. The timer keeps the process alive, on
 * purpose: a promise that never settles must end in an error, not in an event loop that runs empty.
 */
export async function withDeadline<T>(work: Promise<T>, timeoutMs: number, onExpiry: () => Error): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const expiry = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(onExpiry()), timeoutMs);
  });
  try {
    return await Promise.race([work, expiry]);
  } finally {
    clearTimeout(timer);
  }
}
