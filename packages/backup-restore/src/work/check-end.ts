import { Failure } from '@archive2/core/base/failure.ts';
import type { ReplayEnd } from '@archive2/core/restore/server/watch-replay.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import type { RestorePlan } from '../plan/restore-plan.ts';

/**
 * PostgreSQL takes the first record that it cannot read for the end of the WAL, opens, and calls that success. Throws Failure
 * `restore_failed` when a recovery to the latest point has not read the last segment that the hosts had. Pure.
 */
export function checkEnd(end: ReplayEnd, { wish, reach, identity }: RestorePlan): void {
  if (end.how !== 'open' || wish.target.kind !== 'latest' || reach.last === undefined) return;
  const lastBegins = reach.end - BigInt(identity.segmentSize);
  if (end.story.lastRestored === reach.last || (end.replayedLsn ?? 0n) >= lastBegins) return;
  const at = end.replayedLsn === undefined ? 'before any WAL' : `at ${formatLsn(end.replayedLsn)}`;
  const why = end.story.endOfWal === undefined ? '' : ` (${end.story.endOfWal})`;
  throw new Failure(
    'restore_failed',
    `the server opened ${at}${why}, although the archive goes on to ${formatLsn(reach.end)} in ${reach.last}`,
    {
      hint: 'Do not use it: commits are missing. Stop it, run wal-sync --checksum, and restore again with --keep-old.',
    },
  );
}
