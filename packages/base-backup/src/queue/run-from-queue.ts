import { join } from 'node:path';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { readRecord } from '@archive2/core/backups/backup-marks.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { parseConninfo } from '@archive2/core/postgres/conninfo.ts';
import type { Claim, Outcome } from '@archive2/core/queue/task.ts';
import type { JournalEntry } from '@archive2/core/queue/task-journal.ts';
import { type QueueWorker, workOffQueue } from '@archive2/core/queue/work-off-queue.ts';
import type { BackupJob } from '../backup-job.ts';
import type { BackupWorld } from '../backup-world.ts';
import { choosePeer } from '../choose-peer.ts';
import type { Order } from '../options.ts';
import { describeBackup } from '../report.ts';
import { runJob } from '../run-job.ts';
import { outcomeOf } from './task-result.ts';

/** See workOffQueue: the task is a base backup into the claim's directory. */
export async function runFromQueue(order: Extract<Order, { kind: 'queue' }>, world: BackupWorld): Promise<number> {
  const worker: QueueWorker = {
    command: 'base-backup',
    kind: 'base',
    journalDirectory: join(findStateDirectory(order.stateDirectory).path, 'base-backup'),
    outcomeOfDead,
    work: async ({ claim, note, onProgress }) => {
      const watched: BackupWorld = {
        ...world,
        onProgress: (progress) => {
          onProgress(progress);
          world.onProgress(progress);
        },
      };
      const { record, aftermath } = await runJob(jobOf(claim, world), watched, {
        announce: (name) => note({ name }),
        completed: (record) => note({ outcome: outcomeOf(record) }),
      });
      const report = async () => {
        await writeStdout(describeBackup(record));
        return 0;
      };
      return { outcome: outcomeOf(record, aftermath), report };
    },
  };
  return await workOffQueue(order, worker, world);
}

function jobOf(claim: Claim, { settings }: BackupWorld): BackupJob {
  return {
    directory: new ClusterDirectory(claim.directory),
    cluster: claim.cluster,
    conninfo: parseConninfo(claim.conninfo),
    keep: claim.keep,
    peer: choosePeer(settings, claim.peers),
    run: claim.token,
  };
}

/**
 * How the task of a worker ended that was killed: its backup may have been published just before, which its `run` tells; else it
 * failed.
 */
async function outcomeOfDead({ claim, name, request }: JournalEntry): Promise<Outcome> {
  if (claim !== undefined && name !== undefined) {
    const directory = new ClusterDirectory(claim.directory);
    const { record } = await readRecord(join(directory.path, name), name);
    if (record?.run === request.token && record.verified) return outcomeOf(record);
  }
  return { state: 'failed', error: 'the worker was killed, or its machine restarted, before the backup was complete' };
}
