import { readdir } from 'node:fs/promises';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { parseBackupDirectoryName } from './backup-directory.ts';

/** The number of the next base backup: one more than any that is there, published, partial or being removed. */
export async function nextBackupNumber(cluster: ClusterDirectory): Promise<number> {
  const numbers = (await readdir(cluster.path)).map((name) => {
    const plain = name.replace(/^\.(.*)\.removing$/, '$1');
    return parseBackupDirectoryName(plain)?.number ?? 0;
  });
  return Math.max(0, ...numbers) + 1;
}
