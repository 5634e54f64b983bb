import { type RecoveryTarget, type TargetAction, type TargetTimeline, targetSettings } from './recovery-target.ts';
import { formatRestoreCommand, type WalSource } from './restore-command.ts';
import type { Settings } from './settings-text.ts';

export interface Recovery {
  readonly source: WalSource;
  readonly target: RecoveryTarget;
  readonly timeline: TargetTimeline;
  readonly action: TargetAction;
  /** `recovery` ends at its target; `standby` goes on following the archive. */
  readonly mode: 'recovery' | 'standby';
  /** `off`: the server never archives. `as configured`: it replaces the primary, and archives as that did. */
  readonly archiving: 'off' | 'as configured';
  /** Of PostgreSQL: some settings are not in every version. */
  readonly major: number;
  /** For a standby that streams; default: nobody is streamed from. */
  readonly primaryConninfo?: string | undefined;
}

/** The file in the data directory that tells PostgreSQL to recover. */
export function signalFile({ mode }: Pick<Recovery, 'mode'>): 'recovery.signal' | 'standby.signal' {
  return mode === 'standby' ? 'standby.signal' : 'recovery.signal';
}

/**
 * What a server that we start must have, whatever its own files say: where its WAL comes from and where it ends; that it does not
 * archive, stream, or run the old server's commands at the end of a recovery. They count only where nothing comes after them: at the
 * end of postgresql.auto.conf, see rewriteAutoConf. Pure.
 */
export function recoverySettings(recovery: Recovery): Settings {
  const { source, target, timeline, action, archiving, primaryConninfo = '' } = recovery;
  return {
    restore_command: formatRestoreCommand(source),
    ...targetSettings(target, timeline, action),
    primary_conninfo: primaryConninfo,
    primary_slot_name: '',
    recovery_min_apply_delay: '0',
    archive_cleanup_command: '',
    recovery_end_command: '',
    ...(recovery.major < 16 ? { promote_trigger_file: '' } : {}),
    ...(archiving === 'off' ? quietSettings : {}),
  };
}

/** A server that is not the primary archives nothing, and waits for no standby of the primary's. */
const quietSettings: Settings = { archive_mode: 'off', synchronous_standby_names: '' };
