import { mkdir } from 'node:fs/promises';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { backupLock } from '@archive2/core/backups/backup-directory.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { type HeldLock, tryLock } from '@archive2/core/files/lock.ts';

const tries = 20;
const pauseMs = 50;

/** Takes the lock of base backups. Whoever only looks whether it is held has it for a moment, so more than one try. Throws `busy`. */
export async function takeBackupLock(cluster: ClusterDirectory, clock: Clock): Promise<HeldLock> {
  await mkdir(cluster.stateDirectory, { recursive: true, mode: 0o700 });
  for (let left = tries; left > 0; left -= 1) {
    const lock = tryLock(backupLock(cluster));
    if (lock !== undefined) return lock;
    await clock.sleep(pauseMs);
  }
  throw new Failure('busy', `another base-backup is at work on ${cluster.path}`, {
    hint: 'Wait for it: one at a time for each cluster and archive host.',
  });
}
