/** A base backup on one host. What its record does not say is null. */
export interface BackupReport {
  /** "data.master.7" */
  readonly name: string;
  readonly host: string;
  /** partial: at work, or left by one that died; unfinished: published without its WAL; abandoned: nobody works on it. */
  readonly state: 'complete' | 'unfinished' | 'partial' | 'abandoned';
  /** Why it cannot be used, in words that follow "because"; null: it can, if it is complete. */
  readonly problem: string | null;
  readonly startedAtMs: number | null;
  /** Of a complete one: when it was made complete. */
  readonly endedAtMs: number | null;
  readonly timeline: number | null;
  readonly startLsn: string | null;
  readonly stopLsn: string | null;
  readonly sizeBytes: number | null;
  readonly sourceBytes: number | null;
}

/** What the backup queue says of one cluster. */
export interface QueueReport {
  /** The queue's clock. */
  readonly nowAtMs: number;
  /** One for each kind: base, dump, verify and the like. Empty: the queue does not have the cluster. */
  readonly schedules: readonly ScheduleReport[];
}

export interface ScheduleReport {
  readonly kind: string;
  readonly condition: 'running' | 'paused' | 'attention' | 'overdue' | 'failing' | 'new' | 'ok';
  /** Between two of the cluster's tasks, by whichever host. */
  readonly spacingMs: number;
  /** When the newest success began; null: there was none. */
  readonly lastGoodAtMs: number | null;
  readonly next: { readonly host: string; readonly atMs: number } | null;
  readonly running: RunningReport | null;
  readonly hosts: readonly ScheduleHostReport[];
}

export interface RunningReport {
  readonly taskId: number;
  readonly host: string;
  readonly startedAtMs: number;
  readonly heartbeatAtMs: number;
  readonly leaseUntilAtMs: number;
  readonly doneBytes: number | null;
  readonly totalBytes: number | null;
  /** The median of the last successes; null: there was none. */
  readonly expectedMs: number | null;
}

export interface ScheduleHostReport {
  readonly host: string;
  readonly lastGoodAtMs: number | null;
  /** The newest task of this host, running ones too; null: none in the history that was looked at. */
  readonly lastAttempt: AttemptReport | null;
  /** In a row, since the last success. */
  readonly failures: number;
  readonly lastError: string | null;
  readonly nextAtMs: number | null;
  readonly needsAttention: boolean;
  readonly isPaused: boolean;
  /** It has not asked for tasks for long. */
  readonly isAway: boolean;
}

export interface AttemptReport {
  readonly state: 'running' | 'succeeded' | 'failed' | 'lost';
  readonly startedAtMs: number;
  readonly endedAtMs: number | null;
  readonly error: string | null;
}

/** A restore drill, or another check of a finished backup. */
export interface DrillReport {
  readonly id: string;
  /** The backup that was tried, and the archive host that it was read from. */
  readonly backup: string;
  readonly from: string | null;
  /** Where it was tried. */
  readonly host: string;
  /** "restore", "manifest" and the like. */
  readonly method: string;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  readonly ok: boolean;
  readonly error: string | null;
  /** How long the restore took until the server answered; what would have been lost. null: not measured. */
  readonly rtoMs: number | null;
  readonly rpoMs: number | null;
  readonly checks: readonly DrillCheck[];
}

export interface DrillCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string | null;
}
