import type { Clock } from '../base/clock.ts';
import { toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import type { BackupQueue } from './backup-queue.ts';
import type { Claim, Progress } from './task.ts';

const longestPauseMs = 60_000;

/**
 * Holds a claim until `ended` is aborted, and tells the queue how far the work is. Nothing that the queue says or fails to say ends
 * the work: it is worth having, and its completion is judged at its end.
 */
export async function keepClaim(
  queue: BackupQueue,
  claim: Claim,
  latest: () => Progress | undefined,
  { clock, log }: { clock: Clock; log: Log },
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
        log.warning('the task was given to another worker; the work goes on', { problem: failure.message });
        return;
      }
      if (!isAway) log.warning('the queue does not answer; the work goes on', { problem: failure.message });
      isAway = true;
    }
  }
}
