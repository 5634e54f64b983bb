import { join } from 'node:path';
import { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { readRecord } from '@archive2/core/backups/backup-marks.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { BackupQueue } from '@archive2/core/queue/backup-queue.ts';
import type { Claim, Outcome } from '@archive2/core/queue/task.ts';
import type { JournalEntry, OpenEntry } from './journal.ts';
import { outcomeOf } from './task-result.ts';

/** What became of a completion: the queue has it, it has given the task to another worker, or it can't be asked now. */
export type Delivery =
  | { kind: 'recorded' }
  | { kind: 'refused'; failure: Failure }
  | { kind: 'kept'; failure: Failure };

/** Tells the queue how a task ended. What it does not take now stays in the journal for the next run. */
export async function deliver(
  queue: BackupQueue,
  opened: OpenEntry,
  claim: Claim,
  outcome: Outcome,
  log: Log,
): Promise<Delivery> {
  await opened.write({ outcome });
  try {
    await queue.complete(claim, outcome);
    await opened.settle();
    return { kind: 'recorded' };
  } catch (error) {
    const failure = toFailure(error);
    if (failure.code === 'stale_claim') {
      await opened.settle();
      return { kind: 'refused', failure };
    }
    opened.release();
    log.warning('the queue cannot be told how the task ended; the next run tells it', {
      cluster: claim.cluster,
      outcome: outcome.state,
      problem: failure.message,
    });
    return { kind: 'kept', failure };
  }
}

/**
 * How the task of a worker ended that was killed: its backup may have been published just before, which its `run` tells; else it
 * failed.
 */
export async function outcomeOfDead({ claim, name, request }: JournalEntry): Promise<Outcome> {
  if (claim !== undefined && name !== undefined) {
    const directory = new ClusterDirectory(claim.directory);
    const { record } = await readRecord(join(directory.path, name), name);
    if (record?.run === request.token && record.verified) return outcomeOf(record);
  }
  return { state: 'failed', error: 'the worker was killed, or its machine restarted, before the backup was complete' };
}
