import { join } from 'node:path';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { startDetached } from '@archive2/core/base/detached-process.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { tryPayerLock } from './payer-lock.ts';

export interface PayerStart {
  directory: ClusterDirectory;
  cluster: string;
  peer: { name: string; spec: string };
  environment: Record<string, string>;
  /** Flags that the payer shares with the session that starts it. */
  flags: readonly string[];
  clock: Clock;
  log: Log;
}

const minIntervalMs = 1000;

/** Makes a function that starts the payer unless one is at work: in its own process session, so that it outlives this one. */
export function payerStarter(start: PayerStart): () => void {
  let lastStartMs = Number.NEGATIVE_INFINITY;
  return () => {
    // A payer that has just been started may not hold its lock yet.
    if (start.clock.monotonicMs() - lastStartMs < minIntervalMs) return;
    const lock = tryPayerLock(start.directory, start.peer.name);
    if (lock === undefined) return;
    lock.release();
    lastStartMs = start.clock.monotonicMs();
    const args = ['pay', '--dir', start.directory.path, '--cluster', start.cluster];
    const peer = ['--peer', `${start.peer.name}=${start.peer.spec}`];
    // Nobody reads its stderr: what it meets must be found somewhere.
    const log = ['--log-file', join(start.directory.stateDirectory, `pay.${start.peer.name}.log`)];
    const pid = startDetached({
      command: 'archive_remote_cmd',
      args: [...args, ...peer, ...log, ...start.flags],
      environment: start.environment,
    });
    start.log.info('payer of debts started', { peer: start.peer.name, pid });
  };
}
