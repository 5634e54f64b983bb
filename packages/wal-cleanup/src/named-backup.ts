import { resolve } from 'node:path';
import { thisHost } from '@archive2/core/backups/host-view.ts';
import type { Protection } from '@archive2/core/backups/protection.ts';
import { readBackup } from '@archive2/core/backups/read-backup.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { ClusterIdentity } from '@archive2/core/wal/cluster-identity.ts';

/**
 * What the backup of OLDEST-BACKUP-DIR protects, wherever it lies. It is a word for keeping, never for removing: older backups
 * protect what they need all the same. Throws Failure `usage` when there is none, `cleanup_refused` when its start is not known.
 */
export async function protectionOfNamed(path: string, identity: ClusterIdentity, nowMs: number): Promise<Protection> {
  const absolute = resolve(path);
  const backup = await readBackup(absolute, identity, { nowMs, isBeingTaken: () => true });
  if (backup === undefined) {
    throw new Failure('usage', `${absolute}, the oldest backup to keep, is no directory`, {
      hint: 'Name the directory of a base backup, or give --cluster-dir instead: backups are found without being named.',
    });
  }
  const { start, unreadable, startedMs } = backup;
  if (start === undefined) {
    throw new Failure('cleanup_refused', `${absolute} does not say what WAL it needs: ${unreadable ?? ''}`, {
      hint: 'Name the directory of a base backup with its backup_label, or give --cluster-dir instead.',
    });
  }
  const holder = `backup ${absolute}`;
  return { host: thisHost, holder, from: start, unreadable: undefined, permits: false, startedMs };
}
