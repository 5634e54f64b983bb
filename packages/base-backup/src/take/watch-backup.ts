import { Failure } from '@archive2/core/base/failure.ts';
import { freeSpace } from '@archive2/core/files/free-space.ts';
import { readBackupProgress } from '@archive2/core/postgres/backup-progress.ts';
import type { Connection } from '@archive2/core/postgres/connection.ts';
import type { BackupWorld } from '../backup-world.ts';
import { checkSpace } from './space-check.ts';

export interface Watch {
  directory: string;
  connection: Connection;
  applicationName: string;
  /** Of the cluster, until the server has an estimate. */
  sourceBytes: number | undefined;
}

const intervalMs = 1_000;

/**
 * Looks at the disk and at the progress once a second until `ended` is aborted. Rejects with `disk_full` when less than the watermark
 * is free. That the server does not tell the progress is no failure.
 */
export async function watchBackup(watch: Watch, world: BackupWorld, ended: AbortSignal): Promise<void> {
  const { settings, clock, log } = world;
  let tells = true;
  while (!ended.aborted) {
    checkSpace(watch.directory, await freeSpace(watch.directory), 0, settings.watermark);
    if (tells) tells = await tellProgress(watch, world);
    if (!tells) log.debug('the server does not tell the progress of the backup');
    await clock.sleep(intervalMs, ended);
  }
}

async function tellProgress({ connection, applicationName, sourceBytes }: Watch, world: BackupWorld): Promise<boolean> {
  try {
    const progress = await readBackupProgress(connection, applicationName);
    if (progress !== undefined) {
      world.onProgress({ doneBytes: progress.doneBytes, totalBytes: progress.totalBytes ?? sourceBytes });
    }
    return true;
  } catch (error) {
    if (error instanceof Failure) throw error;
    return false;
  }
}
