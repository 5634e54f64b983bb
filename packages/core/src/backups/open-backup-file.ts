import { lstat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { StoredFile } from '../archive/stored-file.ts';
import type { Activity } from '../base/activity.ts';
import { Failure } from '../base/failure.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { parseBackupDirectoryName } from './backup-directory.ts';
import { isBackupFileName } from './backup-files.ts';
import { readListedBackup } from './list-backups.ts';

export interface BackupFileName {
  /** "data.master.7" */
  readonly backup: string;
  /** "base.tar.zst", "global/pg_control" */
  readonly file: string;
}

/**
 * Opens a plain file of a complete base backup, not through a link. Throws Failure `usage` for names that are none, and `not_found` for
 * a backup or a file that is not there, or not complete. To be closed.
 */
export async function openBackupFile(
  cluster: ClusterDirectory,
  identity: ClusterIdentity,
  { backup, file }: BackupFileName,
  { nowMs, activity }: { nowMs: number; activity: Activity },
): Promise<StoredFile> {
  checkNames(backup, file);
  const found = await readListedBackup(cluster, backup, identity, nowMs);
  if (found?.state !== 'complete') {
    throw new Failure('not_found', `${backup} is no complete base backup in ${cluster.path}`, {
      hint: 'It may have been removed by a rotation: choose another one.',
    });
  }
  const path = join(found.path, file);
  const opened = (await isBelowBackup(found.path, path)) ? await StoredFile.open(path, activity) : undefined;
  if (opened !== undefined) return opened;
  throw new Failure('not_found', `${backup} has no file ${file}`);
}

function checkNames(backup: string, file: string): void {
  const parsed = /[/\0]/.test(backup) ? undefined : parseBackupDirectoryName(backup);
  if (parsed === undefined || parsed.isPartial) {
    throw new Failure('usage', `${JSON.stringify(backup.slice(0, 80))} is no name of a base backup`);
  }
  if (!isBackupFileName(file)) {
    throw new Failure('usage', `${JSON.stringify(file.slice(0, 80))} is no name of a file of a base backup`);
  }
}

/** The backup's own directory may lie behind a link, on another disk; one below it may not. */
async function isBelowBackup(backupPath: string, path: string): Promise<boolean> {
  const directory = dirname(path);
  if (directory === backupPath) return true;
  const stats = await lstat(directory).catch(() => undefined);
  return stats?.isDirectory() === true;
}
