import { type Failure, toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import type { BackupQueue } from './backup-queue.ts';
import type { Claim, Outcome } from './task.ts';
import type { OpenEntry } from './task-journal.ts';

/** What became of a completion: the queue has it, it has given the task to another worker, or it can't be asked now. */
export type Delivery =
  | { kind: 'recorded' }
  | { kind: 'refused'; failure: Failure }
  | { kind: 'kept'; failure: Failure };

/** Tells the queue how a task ended. What it does not take now stays in the journal for the next run. */
export async function deliverOutcome(
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
