import { lstatSync } from 'node:fs';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import type { Activity } from '../base/activity.ts';
import type { Candidate, CandidateOnDisk } from './cleanup-plan.ts';

/** A synchronous look takes some microseconds: a signal, or another session's data, waits a few milliseconds at most. */
const looksInARow = 500;

/** Size, time and inode of each candidate, in their order. What is gone, or is no plain file, is left out. */
export async function lookAtCandidates(
  cluster: ClusterDirectory,
  candidates: readonly Candidate[],
  activity: Activity,
): Promise<CandidateOnDisk[]> {
  const found: CandidateOnDisk[] = [];
  for (const [index, candidate] of candidates.entries()) {
    if (index % looksInARow === looksInARow - 1) {
      activity.note();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const onDisk = lookAtFile(cluster.walFile(candidate.file.name));
    if (onDisk !== undefined) found.push({ ...candidate, ...onDisk });
  }
  return found;
}

/** Undefined for what is not there, and for anything but a plain file: nobody of ours made that. */
export function lookAtFile(path: string): Omit<CandidateOnDisk, keyof Candidate> | undefined {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined || !stats.isFile()) return undefined;
  return { sizeBytes: stats.size, modifiedMs: stats.mtimeMs, inode: stats.ino };
}
