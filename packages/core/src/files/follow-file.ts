import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';

const bufferBytes = 2 ** 20;
const idleMs = 25;

export interface Following {
  /** Aborted when nobody writes to the file any more. */
  finished: AbortSignal;
  /** Ends the waiting with its reason. */
  signal: AbortSignal;
  clock: Clock;
}

/**
 * The content of a file that another process is writing, from its first to its last byte, as it grows. The buffer is used again: a
 * piece is good until the next one is asked for.
 */
export async function* followFile(handle: FileHandle, { finished, signal, clock }: Following): AsyncGenerator<Buffer> {
  const awaking = AbortSignal.any([finished, signal]);
  const buffer = Buffer.allocUnsafe(bufferBytes);
  let position = 0;
  for (;;) {
    signal.throwIfAborted();
    // Asked before the read: what was written before the end is there then.
    const wasFinished = finished.aborted;
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    position += bytesRead;
    if (bytesRead > 0) yield buffer.subarray(0, bytesRead);
    else if (wasFinished) return;
    else await clock.sleep(idleMs, awaking);
  }
}
