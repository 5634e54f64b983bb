import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';

/** What a base backup's directory below the cluster directory is called. */
export interface BackupDirectoryName {
  readonly name: string;
  /** The N of `data.master.<N>`; undefined for a directory that some other tool or a person named. */
  readonly number: number | undefined;
  /** `.partial`: pg_basebackup is writing it, or was when it ended. */
  readonly isPartial: boolean;
}

const ownName = /^data\.master\.([1-9][0-9]{0,8})(\.partial)?$/;

/**
 * Undefined for what is no base backup. Whatever begins with `data.` is taken for one: a directory that somebody renamed still
 * needs its WAL.
 */
export function parseBackupDirectoryName(name: string): BackupDirectoryName | undefined {
  if (!name.startsWith('data.')) return undefined;
  const match = ownName.exec(name);
  return {
    name,
    number: match?.[1] === undefined ? undefined : Number(match[1]),
    isPartial: name.endsWith('.partial'),
  };
}

/** The directory of backup N, published or not. */
export function backupDirectory(cluster: ClusterDirectory, number: number, state: 'published' | 'partial'): string {
  return join(cluster.path, `data.master.${number}${state === 'partial' ? '.partial' : ''}`);
}

/**
 * Held by whoever takes a base backup into this cluster directory, for as long as it works: it tells a `.partial` directory that
 * grows from one that was left.
 */
export function backupLock(cluster: ClusterDirectory): string {
  return join(cluster.stateDirectory, 'lock.base-backup');
}

/** Written last; makes a backup of ours complete. */
export const recordFileName = 'backup.json';

/** Makes a backup of the old scripts complete. */
export const successFileName = 'SUCCESS';
