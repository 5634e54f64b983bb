import { join } from 'node:path';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { type DetachedProcess, startDetached } from '@archive2/core/base/detached-process.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { forManyFiles } from '@archive2/core/base/runtime-settings.ts';
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
  /** Default `startDetached`. */
  launch?: (process: DetachedProcess) => number | undefined;
}

/** So long after its start a payer may not hold its lock yet. */
const youngMs = 1000;

/** Starts the payer of a host's debts, in its own process session, so that it outlives this one. */
export class PayerStarter {
  private readonly options: PayerStart;
  private lastStartMs = Number.NEGATIVE_INFINITY;
  private again: Promise<void> | undefined;

  constructor(options: PayerStart) {
    this.options = options;
  }

  /**
   * To be called after a debt was recorded: one payer will look for it, the one at work, or a new one. A payer that was started a moment
   * ago may not have its lock yet, or may have ended before this debt: then this looks once more, a moment later.
   */
  start(): void {
    const { directory, cluster, peer, environment, flags, clock, log, launch = startDetached } = this.options;
    const youngForMs = this.lastStartMs + youngMs - clock.monotonicMs();
    const lock = tryPayerLock(directory, peer.name);
    if (lock === undefined) return;
    lock.release();
    if (youngForMs > 0) {
      this.again ??= this.startAfter(youngForMs);
      return;
    }
    this.lastStartMs = clock.monotonicMs();
    const args = ['pay', '--dir', directory.path, '--cluster', cluster, '--peer', `${peer.name}=${peer.spec}`];
    // Nobody reads its stderr: what it meets must be found somewhere.
    const logFile = ['--log-file', join(directory.stateDirectory, `pay.${peer.name}.log`)];
    const pid = launch({
      command: 'archive_remote_cmd',
      args: [...args, ...logFile, ...flags],
      environment: { ...environment, ...forManyFiles },
    });
    log.info('payer of debts started', { peer: peer.name, pid });
  }

  /** Resolves when nothing is to be looked at any more: before that the process must not end. Never rejects. */
  async settled(): Promise<void> {
    // A timer may be a little early, and then there is one more.
    while (this.again !== undefined) await this.again;
  }

  private async startAfter(delayMs: number): Promise<void> {
    const { clock, log, peer } = this.options;
    await clock.sleep(delayMs);
    this.again = undefined;
    try {
      this.start();
    } catch (error) {
      // The debts are durable: the next session looks for them again.
      log.error('payer of debts not started', { peer: peer.name, reason: toFailure(error).message });
    }
  }
}
