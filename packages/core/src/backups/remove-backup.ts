import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { systemErrorCode } from '../base/failure.ts';
import { syncDirectory } from '../files/directory-sync.ts';

/** The name of a backup that is being removed: for nobody a backup any more. */
const removingName = /^\.(data\..+)\.removing$/;

/**
 * Removes a backup's directory, published or partial, by its name. It is renamed first, durably, so that at no moment half a backup
 * looks like one; killed in between, `finishRemovals` goes on. Only with the lock of base backups.
 */
export async function removeBackup(cluster: ClusterDirectory, name: string): Promise<void> {
  const removing = join(cluster.path, `.${name}.removing`);
  // Of an earlier backup with this number that was never published.
  await rm(removing, { recursive: true, force: true });
  try {
    await rename(join(cluster.path, name), removing);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return;
    throw error;
  }
  await syncDirectory(cluster.path);
  await rm(removing, { recursive: true, force: true });
}

/** Ends the removals that were begun; returns the backups' names. Only with the lock of base backups. */
export async function finishRemovals(cluster: ClusterDirectory): Promise<string[]> {
  const left = (await readdir(cluster.path)).flatMap((name) => removingName.exec(name)?.[1] ?? []);
  for (const name of left) await rm(join(cluster.path, `.${name}.removing`), { recursive: true, force: true });
  return left;
}
