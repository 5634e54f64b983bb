import { join } from 'node:path';
import { readClusterRecord } from '@archive2/core/archive/identity.ts';
import type { BackupRecord } from '@archive2/core/backups/backup-record.ts';
import { replaceLinkCopy } from '@archive2/core/backups/link-copy.ts';
import { listBackups } from '@archive2/core/backups/list-backups.ts';
import { Pins } from '@archive2/core/backups/pins.ts';
import { removeBackup } from '@archive2/core/backups/remove-backup.ts';
import { planRotation } from '@archive2/core/backups/rotation.ts';
import type { BackupJob } from '../backup-job.ts';
import type { BackupWorld } from '../backup-world.ts';
import type { Aftermath } from '../run-job.ts';

/** What is done under the lock of base backups once there is a new one: old ones go, and the copy for another system is renewed. */
export async function finishUp(job: BackupJob, world: BackupWorld, record: BackupRecord): Promise<Aftermath> {
  const { bareosDirectory } = world.settings;
  const source = join(job.directory.path, record.name);
  return {
    rotation: await attempt(world, 'rotation', () => rotate(job, world)),
    ...(bareosDirectory === undefined
      ? {}
      : { copy: await attempt(world, 'copy', () => replaceLinkCopy(source, bareosDirectory)) }),
  };
}

async function rotate({ directory, keep }: BackupJob, { clock, log }: BackupWorld): Promise<void> {
  const identity = await readClusterRecord(directory);
  if (identity === undefined) throw new Error(`${directory.path} has no cluster.json any more`);
  const nowMs = clock.nowMs();
  const backups = await listBackups(directory, identity, nowMs);
  const { remove, spared } = planRotation(backups, keep, await new Pins(directory).list(), {
    segmentSize: identity.segmentSize,
    nowMs,
  });
  for (const { backup, why } of spared) log.info('an old backup stays', { name: backup.name, why });
  for (const { name } of remove) {
    await removeBackup(directory, name);
    log.info('an old backup was removed', { name });
  }
  for (const { name } of backups.filter(({ state }) => state === 'unfinished')) {
    log.warning('there is a backup that is not complete; it is not removed, and keeps its WAL', { name });
  }
}

async function attempt({ log }: BackupWorld, step: string, work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    const problem = error instanceof Error ? error.message : String(error);
    log.warning(`the backup is complete, but its ${step} failed`, { problem });
    return `failed: ${problem}`;
  }
}
