import { unlink } from 'node:fs/promises';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { OwedFiles } from '../archive/owed-files.ts';
import { Tombstones, tombstoneBatchNames } from '../archive/tombstones.ts';
import type { Activity } from '../base/activity.ts';
import type { Clock } from '../base/clock.ts';
import { systemErrorCode } from '../base/failure.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import type { CandidateOnDisk } from './cleanup-plan.ts';
import { lookAtFile } from './look-at-candidates.ts';

export interface Removal {
  cluster: ClusterDirectory;
  /** Looks again, before each batch: the number below which everything may still go. Throws when it is no longer known. */
  stillAllowedBelow: () => Promise<bigint>;
  clock: Clock;
  activity: Activity;
}

/**
 * Removes files in their order, in batches: their names under a durable tombstone first, then each file that is still the one that
 * was looked at, then what is owed of it, then an fsync of the directory. Killed at any moment, it leaves tombstones of names that
 * are still there, which say nothing, and the next cleanup goes on. Returns those removed.
 */
export async function removeCandidates(
  candidates: readonly CandidateOnDisk[],
  { cluster, stillAllowedBelow, clock, activity }: Removal,
): Promise<CandidateOnDisk[]> {
  const tombstones = new Tombstones(cluster);
  const owed = new OwedFiles(cluster);
  const removed: CandidateOnDisk[] = [];
  for (let at = 0; at < candidates.length; at += tombstoneBatchNames) {
    const limit = await stillAllowedBelow();
    const batch = candidates.slice(at, at + tombstoneBatchNames).filter(({ number }) => number < limit);
    if (batch.length === 0) break;
    const names = batch.map(({ file }) => file.name);
    await tombstones.bury(names, clock.nowMs());
    for (const candidate of batch) {
      if (await removeIfUnchanged(cluster.walFile(candidate.file.name), candidate)) removed.push(candidate);
    }
    await syncDirectory(cluster.walDirectory);
    await owed.settle(names);
    activity.note();
  }
  return removed;
}

/** What took the name since we looked is somebody's new file: a repair, or what a server has archived again. */
async function removeIfUnchanged(path: string, { inode, modifiedMs, sizeBytes }: CandidateOnDisk): Promise<boolean> {
  const now = lookAtFile(path);
  if (now?.inode !== inode || now.modifiedMs !== modifiedMs || now.sizeBytes !== sizeBytes) return false;
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
