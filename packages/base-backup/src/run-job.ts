import type { BackupRecord } from '@archive2/core/backups/backup-record.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { finishUp } from './after/finish-up.ts';
import { runTools } from './after/run-tools.ts';
import type { BackupJob } from './backup-job.ts';
import type { BackupWorld } from './backup-world.ts';
import { tellOfBackup } from './take/backup-events.ts';
import { takeBackupLock } from './take/backup-lock.ts';
import { takeBackup } from './take/take-backup.ts';

/** What came after the backup, by step: "done", or why not. A failure of these does not make the backup fail. */
export type Aftermath = Readonly<Record<string, string>>;

export interface JobResult {
  record: BackupRecord;
  aftermath: Aftermath;
}

export interface JobListener {
  /** The backup's name is known, nothing of it is there yet. */
  announce: (name: string) => Promise<void>;
  /** The backup is complete; the rest is still to do. */
  completed: (record: BackupRecord) => Promise<void>;
}

/** Takes a backup, then rotates, cleans up and makes the archives equal. Throws the Failure for which there is no backup. */
export async function runJob(job: BackupJob, world: BackupWorld, listener: JobListener): Promise<JobResult> {
  const lock = await takeBackupLock(job.directory, world.clock);
  let record: BackupRecord;
  let aftermath: Aftermath;
  try {
    record = await tellOfBackup(job, world, (told) =>
      takeBackup(job, world, async (name) => {
        await told(name);
        await listener.announce(name);
      }),
    );
    world.log.info('base backup is complete', { cluster: record.cluster, name: record.name, bytes: record.sizeBytes });
    await listener.completed(record);
    aftermath = await finishUp(job, world, record);
  } finally {
    lock.release();
  }
  if (world.signal.aborted) {
    const why = world.signal.reason instanceof Failure ? world.signal.reason.message : 'ended';
    return { record, aftermath: { ...aftermath, 'wal-cleanup': why, 'wal-sync': why } };
  }
  return { record, aftermath: { ...aftermath, ...(await runTools(job, world)) } };
}
