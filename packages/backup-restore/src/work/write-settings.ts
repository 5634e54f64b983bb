import { join } from 'node:path';
import { readFileSetting } from '@archive2/core/postgres/configuration-file.ts';
import { removeRestoreMarker } from '@archive2/core/restore/extract/restore-marker.ts';
import { readControlData } from '@archive2/core/restore/server/control-data.ts';
import { missingMinimums } from '@archive2/core/restore/server/primary-minimums.ts';
import { type Recovery, recoverySettings, signalFile } from '@archive2/core/restore/server/recovery-settings.ts';
import type { WalSource } from '@archive2/core/restore/server/restore-command.ts';
import type { Settings } from '@archive2/core/restore/server/settings-text.ts';
import { writeRecovery } from '@archive2/core/restore/server/write-recovery.ts';
import type { RestoreWorld } from '../restore-world.ts';
import { type RestoreNote, writeRestoreNote } from '../target/restore-note.ts';
import type { WholePlan } from '../whole-plan.ts';
import type { ServerConfiguration } from './server-door.ts';

/**
 * Makes the extracted directory one that recovers when it is started, by whomever. Then the marker of the extraction goes: the note that
 * stays knows the restore from then on. Durable on return, and may be repeated.
 */
export async function writeSettings(
  whole: WholePlan,
  source: WalSource,
  primaryConninfo: string | undefined,
  configuration: ServerConfiguration,
  setAside: string | undefined,
  { clock }: RestoreWorld,
): Promise<RestoreNote> {
  const { target, plan } = whole;
  const recovery: Recovery = {
    source,
    target: plan.wish.target,
    // A standby goes over to timelines that begin later; a recovery goes where the plan has looked.
    timeline: plan.wish.isStandby ? 'latest' : plan.timeline,
    action: whole.action,
    mode: plan.wish.isStandby ? 'standby' : 'recovery',
    archiving: whole.takeOver ? 'as configured' : 'off',
    major: whole.major,
    primaryConninfo,
  };
  const settings: Settings = {
    ...recoverySettings(recovery),
    // Else waiting at the target would be a shutdown, and a standby could not be asked how far it is.
    ...(whole.action === 'pause' || plan.wish.isStandby ? { hot_standby: 'on' } : {}),
    // PostgreSQL 15 and later read ahead of what they replay: into the hole, where restore_cmd stops them before their target.
    ...(plan.reach.missing !== undefined && whole.major >= 15 ? { recovery_prefetch: 'off' } : {}),
    ...(await minimums(whole, configuration)),
    ...whole.settings,
  };
  await writeRecovery(target, settings, signalFile(recovery), clock.nowMs());
  const [{ backup }] = plan.copies;
  const note: RestoreNote = {
    planId: whole.planId,
    recovery: whole.recovery,
    cluster: plan.cluster,
    backup: backup.name,
    manifestSha256: backup.manifestSha256,
    state: 'prepared',
    setAside,
  };
  await writeRestoreNote(target, note, clock.nowMs());
  await removeRestoreMarker(target);
  return note;
}

async function minimums({ target, programs }: WholePlan, { configFile }: ServerConfiguration): Promise<Settings> {
  const control = await readControlData(programs, target);
  const directories = [...(configFile === undefined ? [] : [join(configFile, '..')]), target];
  const configured = (name: string) =>
    directories.map((place) => readFileSetting(place, name)).find((value) => value !== undefined);
  return missingMinimums(control, configured);
}
