import { tellEvent } from '@archive2/core/archive/events.ts';
import type { BackupRecord } from '@archive2/core/backups/backup-record.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { BackupJob } from '../backup-job.ts';
import type { BackupWorld } from '../backup-world.ts';

/** Takes a backup, and tells in the archive's log of events that it began, and what became of it. `began` is to be told its name. */
export async function tellOfBackup(
  { directory, run }: BackupJob,
  world: BackupWorld,
  take: (began: (name: string) => Promise<void>) => Promise<BackupRecord>,
): Promise<BackupRecord> {
  const begunMs = world.clock.monotonicMs();
  const forSeconds = () => Math.round((world.clock.monotonicMs() - begunMs) / 1000);
  let name: string | undefined;
  try {
    const record = await take(async (given) => {
      name = given;
      await tellEvent(directory, { event: 'backup-began', name, run }, world);
    });
    const { sizeBytes, start } = record;
    const facts = { name: record.name, run, bytes: sizeBytes, timeline: start.timeline, forSeconds: forSeconds() };
    await tellEvent(directory, { event: 'backup-completed', ...facts }, world);
    return record;
  } catch (error) {
    const { code, message } = toFailure(error);
    const facts = { name, run, code, reason: message, forSeconds: forSeconds() };
    await tellEvent(directory, { event: 'backup-failed', ...facts }, world);
    throw error;
  }
}
