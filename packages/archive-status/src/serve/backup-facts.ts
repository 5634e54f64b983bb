import type { BackupReport } from '../model/backup-report.ts';

/** One that a restore can begin from. */
export function isUsable({ state, problem }: BackupReport): boolean {
  return state === 'complete' && problem === null;
}

/** How long it took; null: its record does not say. */
export function backupDurationMs({ startedAtMs, endedAtMs }: BackupReport): number | null {
  return startedAtMs === null || endedAtMs === null ? null : endedAtMs - startedAtMs;
}

/** For sorting, newest first: by when it began, or what else is known of it. */
export function newestFirst(a: BackupReport, b: BackupReport): number {
  return beginMs(b) - beginMs(a);
}

function beginMs({ startedAtMs, endedAtMs }: BackupReport): number {
  return startedAtMs ?? endedAtMs ?? 0;
}
