import { lstat, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { workBounded } from '../base/bounded-work.ts';
import { systemErrorCode } from '../base/failure.ts';
import { createFileDurably } from '../files/atomic-file.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { backupDirectory, recordFileName, successFileName } from './backup-directory.ts';
import { type BackupRecord, formatBackupRecord } from './backup-record.ts';

/**
 * Makes the `.partial` directory of a record's backup a complete backup, durably; everything in it must be durable already. First
 * SUCCESS, for tools of the old scripts, and backup.json, then the one rename that publishes. Only with the lock of base backups.
 */
export async function publishBackup(cluster: ClusterDirectory, record: BackupRecord, nowMs: number): Promise<void> {
  const partial = backupDirectory(cluster, record.number, 'partial');
  const published = backupDirectory(cluster, record.number, 'published');
  if (await exists(published)) throw new Error(`${published} is there already`);
  const files = [
    [successFileName, ''],
    [recordFileName, formatBackupRecord(record)],
  ] as const;
  await workBounded(files, files.length, async ([name, text]) => {
    await createFileDurably(join(partial, name), text, nowMs);
  });
  await rename(partial, published);
  await syncDirectory(cluster.path);
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
