import { randomUUID } from 'node:crypto';
import { systemClock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { ProgressDisplay } from '@archive2/core/cli/progress-display.ts';
import type { BackupWorld } from './backup-world.ts';
import { choosePeer } from './choose-peer.ts';
import type { BaseBackupOptions } from './options.ts';
import { runFromQueue } from './queue/run-from-queue.ts';
import { describeBackup } from './report.ts';
import { runJob } from './run-job.ts';

export interface Surroundings {
  environment: Readonly<Record<string, string | undefined>>;
  log: Log;
  signal: AbortSignal;
}

/** The whole command. Resolves with its exit status; throws the Failure that it ends with. */
export async function runBaseBackup({ order, settings }: BaseBackupOptions, around: Surroundings): Promise<number> {
  const display = new ProgressDisplay(process.stderr, systemClock, around.log, 'base backup');
  const world: BackupWorld = {
    settings,
    clock: systemClock,
    ...around,
    onProgress: (progress) => display.show(progress),
  };
  try {
    if (order.kind === 'queue') return await runFromQueue(order, world);
    const { directory, conninfo, keep } = order;
    const peer = choosePeer(settings, []);
    const job = { directory, cluster: undefined, conninfo, keep, peer, run: randomUUID() };
    const { record } = await runJob(job, world, { announce: async () => undefined, completed: async () => undefined });
    await writeStdout(describeBackup(record));
    return 0;
  } finally {
    display.end();
  }
}
