import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { sendQueueOf } from './tcp-door.ts';

/** What a connection can tell about its progress. */
export interface Progress {
  /** Bytes received so far. */
  receivedBytes(): number;
  /**
   * Bytes handed to the kernel or queued for it that the other side has not acknowledged; undefined when that cannot be told. Asked
   * only while nothing is received.
   */
  pendingBytes(): PendingBytes | undefined;
}

export interface PendingBytes {
  /** Unacknowledged in the kernel. */
  inKernel: number;
  /** All that was ever written less what still waits in this process. */
  handedOver: number;
  /** True while the kernel waits for an acknowledgement and its retransmission timer has not expired yet. */
  isAwaited: boolean;
}

/** Looks per stall timeout: a stall is noticed at most one of them late. */
const looksPerTimeout = 6;

/** More than unanswered keepalives add up to (about 64 bytes each), and half a second's worth on a 64 kbit/s link. */
const backlogBytes = 4096;

/** What arrives between two looks beyond this is more than answers to keepalives: something is transferred. */
const transferBytes = 512;

/**
 * Resolves with true when a connection has made no progress for `stallTimeoutMs`: nothing received, and nothing of what was sent
 * acknowledged. Resolves with false when the signal is aborted first.
 *
 * Unanswered keepalives alone don't count as a stall: on a slow link they wait behind minutes of data that is moving. Time in
 * which this process did not run (SIGSTOP, a suspended machine) does not count either, as the answers may be waiting unread.
 *
 * `onTransfer` is called at each look at which data moves, in either direction: what a slow link carries is whole, and so seen by
 * whoever waits for it, only after seconds.
 */
export async function watchForStall(
  progress: Progress,
  stallTimeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
  onTransfer: () => void = () => undefined,
): Promise<boolean> {
  const lookMs = stallTimeoutMs / looksPerTimeout;
  let received = progress.receivedBytes();
  let pending: PendingBytes | undefined;
  let lookedAtMs = clock.monotonicMs();
  let movedAtMs = lookedAtMs;
  while (true) {
    await clock.sleep(lookMs, signal);
    if (signal.aborted) return false;
    const nowMs = clock.monotonicMs();
    const wasAway = nowMs - lookedAtMs > 3 * lookMs;
    lookedAtMs = nowMs;
    const arrivedBytes = progress.receivedBytes() - received;
    if (arrivedBytes > transferBytes) onTransfer();
    if (wasAway || arrivedBytes > 0) {
      received += arrivedBytes;
      pending = undefined;
      movedAtMs = nowMs;
      continue;
    }
    const before = pending;
    pending = progress.pendingBytes();
    if (before !== undefined && pending !== undefined && isDraining(before, pending)) {
      movedAtMs = nowMs;
      onTransfer();
    } else if (nowMs - movedAtMs >= stallTimeoutMs) return true;
  }
}

function isDraining(before: PendingBytes, now: PendingBytes): boolean {
  // A stopped program's kernel goes on acknowledging keepalives: only a backlog that gets smaller is a transfer that moves.
  if (now.inKernel < backlogBytes) return false;
  // One lost packet on a slow link holds up what counts as acknowledged until the kernel's timer expires, which there takes longer than a
  // stall (4.4 s at 64 kbit/s). On a fast dead link it expires within 0.3 s, and with a zero window it is not this timer that runs.
  if (now.isAwaited) return true;
  const acknowledged = now.handedOver - now.inKernel - (before.handedOver - before.inKernel);
  // The second: what this process hands over while the kernel drains hides the draining from the first, and the other way round.
  return acknowledged > 0 || now.inKernel < before.inKernel;
}

/** What of a TCP socket's output is on its way; undefined where that cannot be told: then a stall is told by what is received alone. */
export function pendingBytesOf(socket: Socket): PendingBytes | undefined {
  // The runtime's, and Node's, own name for what holds the descriptor.
  const descriptor = (socket as { _handle?: { fd?: unknown } | null })._handle?.fd;
  const queue = typeof descriptor === 'number' && descriptor >= 0 ? sendQueueOf(descriptor) : undefined;
  if (queue === undefined) return undefined;
  const handedOver = socket.bytesWritten - socket.writableLength;
  return { inKernel: queue.bytes, isAwaited: queue.isAwaited, handedOver };
}
