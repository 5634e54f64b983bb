import { existsSync } from 'node:fs';
import { waitFor } from './wait-for.ts';

/** Sends a signal; a process that ended by itself in between is just as dead. */
export function sendSignal(pid: number, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/**
 * SIGKILL for processes of a machine; returns when its init has buried them. Only then are their locks and sockets gone: a dying process
 * loses its command line first, and with it its place in every list of processes, while its socket still takes a caller.
 */
export async function killAll(pids: readonly number[], what: string): Promise<void> {
  for (const pid of pids) sendSignal(pid);
  const areBuried = () => pids.every((pid) => !existsSync(`/proc/${pid}`));
  await waitFor(areBuried, { what: `${what} to end`, intervalMs: 5 });
}
