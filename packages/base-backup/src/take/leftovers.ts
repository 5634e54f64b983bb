import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { lastRunPartial } from '@archive2/core/backups/backup-run.ts';
import type { StoredBackup } from '@archive2/core/backups/read-backup.ts';
import { finishRemovals, removeBackup } from '@archive2/core/backups/remove-backup.ts';
import type { Log } from '@archive2/core/base/log.ts';

/**
 * Clears away what runs have left that were killed. Only with the lock: then nobody of ours is writing. A partial backup that we did
 * not write stays until nothing has been written to it for a day.
 */
export async function removeLeftovers(
  cluster: ClusterDirectory,
  list: () => Promise<StoredBackup[]>,
  log: Log,
): Promise<void> {
  for (const name of await finishRemovals(cluster)) log.info('the removal of a backup was finished', { name });
  const ours = await lastRunPartial(cluster);
  for (const { name, isPartial, state } of await list()) {
    if (!isPartial) continue;
    if (name === ours || state === 'abandoned') {
      await removeBackup(cluster, name);
      log.warning('an unfinished backup of a run that was killed was removed', { name });
    } else log.warning('there is a partial backup that is not ours; it keeps WAL from being removed', { name });
  }
}
