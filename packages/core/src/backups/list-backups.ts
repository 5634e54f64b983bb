import { type Dirent, existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import { tryLock } from '../files/lock.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { type BackupDirectoryName, backupLock, parseBackupDirectoryName } from './backup-directory.ts';
import { readBackup, type StoredBackup } from './read-backup.ts';

/**
 * All base backups below the cluster directory, by number, those without one last. Throws Failure when the cluster directory
 * cannot be read: "none" is said only of a directory that was looked at.
 */
export async function listBackups(
  cluster: ClusterDirectory,
  identity: ClusterIdentity,
  nowMs: number,
): Promise<StoredBackup[]> {
  const backups: StoredBackup[] = [];
  for (const { name } of await listBackupNames(cluster)) {
    const backup = await readListedBackup(cluster, name, identity, nowMs);
    // Removed since it was listed.
    if (backup !== undefined) backups.push(backup);
  }
  return backups;
}

/** The directories of base backups, whatever is in them, in the order of `listBackups`. Throws as it does. */
export async function listBackupNames(cluster: ClusterDirectory): Promise<BackupDirectoryName[]> {
  const names = (await directoryNames(cluster)).map(parseBackupDirectoryName).filter((name) => name !== undefined);
  return names.sort(byNumber);
}

/** One of them by its name, as `readBackup` has it. */
export async function readListedBackup(
  cluster: ClusterDirectory,
  name: string,
  identity: ClusterIdentity,
  nowMs: number,
): Promise<StoredBackup | undefined> {
  return await readBackup(join(cluster.path, name), identity, {
    nowMs,
    isBeingTaken: () => isBackupBeingTaken(cluster),
  });
}

async function directoryNames(cluster: ClusterDirectory): Promise<string[]> {
  let entries: Dirent[];
  try {
    entries = await readdir(cluster.path, { withFileTypes: true });
  } catch (error) {
    throw toDiskFailure(error, `listing the base backups in ${cluster.path}`);
  }
  // A backup may lie on another disk, behind a link.
  return entries.filter((entry) => entry.isDirectory() || entry.isSymbolicLink()).map((entry) => entry.name);
}

/** Whether somebody holds the lock of base backups. The look takes it for a moment: whoever needs it tries again. */
function isBackupBeingTaken(cluster: ClusterDirectory): boolean {
  const path = backupLock(cluster);
  if (!existsSync(path)) return false;
  const lock = tryLock(path);
  lock?.release();
  return lock === undefined;
}

function byNumber(a: BackupDirectoryName, b: BackupDirectoryName): number {
  return (a.number ?? Number.MAX_SAFE_INTEGER) - (b.number ?? Number.MAX_SAFE_INTEGER) || (a.name < b.name ? -1 : 1);
}
