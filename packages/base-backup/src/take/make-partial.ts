import { mkdir } from 'node:fs/promises';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { forgetRun } from '@archive2/core/backups/backup-run.ts';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';

/**
 * Makes the directory that a backup is taken into, durably, when its run is noted. Throws Failure `busy` when another tool has made
 * one of that name since the number was chosen: then it stays, now and in the runs to come.
 */
export async function makePartial(cluster: ClusterDirectory, directory: string): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
    await syncDirectory(cluster.path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EEXIST') throw toDiskFailure(error, `making ${directory}`);
    await forgetRun(cluster);
    throw new Failure('busy', `another tool has just made ${directory}`, {
      hint: 'It was left alone. The next run takes another number.',
    });
  }
}
