import { toFailure } from '@archive2/core/base/failure.ts';
import type { BackupQueue } from '@archive2/core/queue/backup-queue.ts';
import type { Claim, Progress } from '@archive2/core/queue/task.ts';
import type { BackupWorld } from '../backup-world.ts';

const longestPauseMs = 60_000;

/**
 * Holds a claim until `ended` is aborted, and tells the queue how far the backup is. Nothing that the queue says or fails to say
 * ends the backup: it is worth having, and its completion is judged at its end.
 */
export async function keepClaim(
  queue: BackupQueue,
  claim: Claim,
  latest: () => Progress | undefined,
  { clock, log }: Pick<BackupWorld, 'clock' | 'log'>,
  ended: AbortSignal,
): Promise<void> {
  const pauseMs = Math.min((claim.leaseSeconds * 1000) / 3, longestPauseMs);
  let isAway = false;
  for (;;) {
    await clock.sleep(pauseMs, ended);
    if (ended.aborted) return;
    try {
      await queue.heartbeat(claim, latest());
      if (isAway) log.info('the queue is back');
      isAway = false;
    } catch (error) {
      const failure = toFailure(error);
      if (failure.code === 'stale_claim') {
        log.warning('the task was given to another worker; this backup goes on', { problem: failure.message });
        return;
      }
      if (!isAway) log.warning('the queue does not answer; the backup goes on', { problem: failure.message });
      isAway = true;
    }
  }
}
