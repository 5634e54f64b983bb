import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';

/** What a connection can tell about its progress. */
export interface Progress {
  /** Bytes received so far. */
  receivedBytes(): number;
  /**
   * Bytes handed to the kernel or queued for it that the other side has not acknowledged; undefined when that cannot be told. Asked
   * only while nothing is received.
   */
  pendingBytes(): Promise<PendingBytes | undefined>;
}

export interface PendingBytes {
  /** Unacknowledged in the kernel. */
  inKernel: number;
  /** All that was ever written less what still waits in this process. */
  handedOver: number;
}

/** Looks per stall timeout: a stall is noticed at most one of them late. */
const looksPerTimeout = 6;

/** More than unanswered keepalives add up to (about 64 bytes each), and half a second's worth on a 64 kbit/s link. */
const backlogBytes = 4096;

/**
 * Resolves with true when a connection has made no progress for `stallTimeoutMs`: nothing received, and nothing of what was sent
 * acknowledged. Resolves with false when the signal is aborted first.
 *
 * Unanswered keepalives alone don't count as a stall: on a slow link they wait behind minutes of data that is moving. Time in
 * which this process did not run (SIGSTOP, a suspended machine) does not count either, as the answers may be waiting unread.
 */
export async function watchForStall(
  progress: Progress,
  stallTimeoutMs: number,
  clock: Clock,
  signal: AbortSignal,
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
    if (wasAway || progress.receivedBytes() !== received) {
      received = progress.receivedBytes();
      pending = undefined;
      movedAtMs = nowMs;
      continue;
    }
    const before = pending;
    pending = await progress.pendingBytes();
    if (before !== undefined && pending !== undefined && isDraining(before, pending)) movedAtMs = nowMs;
    else if (nowMs - movedAtMs >= stallTimeoutMs) return true;
  }
}

function isDraining(before: PendingBytes, now: PendingBytes): boolean {
  // A stopped program's kernel goes on acknowledging keepalives: only a backlog that gets smaller is a transfer that moves.
  if (now.inKernel < backlogBytes) return false;
  const acknowledged = now.handedOver - now.inKernel - (before.handedOver - before.inKernel);
  // The second: what this process hands over while the kernel drains hides the draining from the first, and the other way round.
  return acknowledged > 0 || now.inKernel < before.inKernel;
}

/** What of a TCP socket's output is on its way, by /proc/net/tcp; undefined where that does not show it, or not clearly. */
export async function pendingBytesOf(socket: Socket): Promise<PendingBytes | undefined> {
  const { localPort, remotePort } = socket;
  if (localPort === undefined || remotePort === undefined) return undefined;
  try {
    const table = await readFile(socket.remoteFamily === 'IPv6' ? '/proc/net/tcp6' : '/proc/net/tcp', 'utf8');
    const inKernel = findSendQueue(table, localPort, remotePort);
    return inKernel === undefined ? undefined : { inKernel, handedOver: socket.bytesWritten - socket.writableLength };
  } catch {
    // Without /proc a stall is told by what is received alone.
    return undefined;
  }
}

/** The send queue in bytes of the one connection between these ports in the text of /proc/net/tcp or tcp6 (proc(5)). */
export function findSendQueue(table: string, localPort: number, remotePort: number): number | undefined {
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const row = new RegExp(
    `^ *\\d+: [0-9A-F]+:${hex(localPort)} [0-9A-F]+:${hex(remotePort)} [0-9A-F]{2} ([0-9A-F]+):`,
    'gm',
  );
  const [only, ...others] = [...table.matchAll(row)];
  return only?.[1] === undefined || others.length > 0 ? undefined : Number.parseInt(only[1], 16);
}
