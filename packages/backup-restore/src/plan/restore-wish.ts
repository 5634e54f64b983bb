import type { RecoveryTarget, TargetTimeline } from '@archive2/core/restore/server/recovery-target.ts';

/** What a person asks for, before anything is known of the archive. */
export interface RestoreWish {
  readonly target: RecoveryTarget;
  readonly timeline: TargetTimeline;
  /** Undefined: the best one for the target. */
  readonly backup: NamedBackup | undefined;
  readonly isStandby: boolean;
}

/** A backup by its number or directory name, and by its host where both hosts have one of that name. */
export interface NamedBackup {
  readonly host: string | undefined;
  /** "7", "data.master.7" */
  readonly name: string;
}

/** Reads "7", "data.master.7", "arch1:7"; undefined for anything else. */
export function parseNamedBackup(text: string): NamedBackup | undefined {
  const match = /^(?:(.+):)?([A-Za-z0-9_.-]+)$/.exec(text);
  return match?.[2] === undefined ? undefined : { host: match[1], name: match[2] };
}
