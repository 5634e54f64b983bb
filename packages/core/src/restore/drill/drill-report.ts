import type { WalPlace } from '../../wal/backup-label.ts';
import type { Lsn } from '../../wal/lsn.ts';
import type { TimelineId } from '../../wal/timeline-id.ts';
import type { CheckResult } from '../server/checks/check.ts';

/** A restore carried out to prove a backup, and what it found. Times are milliseconds since the Unix epoch, sizes bytes. */
export interface DrillReport {
  /** A random UUID; the verification in the queue has it, too. */
  readonly id: string;
  readonly ok: boolean;
  /** Undefined when it is good. */
  readonly problem: DrillProblem | undefined;
  readonly cluster: string;
  /** The machine on which it was restored. */
  readonly host: string;
  readonly program: string;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly archives: readonly { name: string; problem: string | undefined }[];
  /** Undefined when none was chosen. */
  readonly backup: DrilledBackup | undefined;
  /** In people's words: "the end of the WAL", "0/5000060". */
  readonly target: string;
  readonly recovery: DrilledRecovery | undefined;
  /** From the beginning until the server could be used, undefined when it never could. */
  readonly rtoMs: number | undefined;
  /** The newest commit against the drill's beginning; undefined for another target than the latest. */
  readonly rpoMs: number | undefined;
  readonly phases: Readonly<Record<DrillPhase, number | undefined>>;
  readonly databases: readonly { name: string; sizeBytes: number; tables: number }[];
  readonly checks: readonly CheckResult[];
  readonly warnings: readonly string[];
  /** What is left to look into a failure; undefined when nothing is. */
  readonly evidence: DrillEvidence | undefined;
}

export type DrillPhase = 'extract' | 'replay' | 'checks';

export interface DrillProblem {
  /** Of the table of failures: "drill_failed" when the backup is to blame. */
  readonly code: string;
  readonly message: string;
  readonly hint: string | undefined;
}

export interface DrilledBackup {
  /** The archive host that it was read from. */
  readonly host: string;
  readonly name: string;
  /** Tells two backups of one name apart. */
  readonly manifestSha256: string | undefined;
  readonly start: WalPlace;
  readonly stop: WalPlace;
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  readonly storedBytes: number | undefined;
  readonly contentBytes: number | undefined;
  readonly serverVersion: string | undefined;
  readonly systemIdentifier: string;
}

export interface DrilledRecovery {
  /** The timeline that was replayed to its end, and the last segment that was. */
  readonly timeline: TimelineId;
  readonly lastSegment: string | undefined;
  /** What the archives had when the drill began. */
  readonly expectedSegment: string | undefined;
  readonly segments: number;
  readonly replayedLsn: Lsn | undefined;
  /** Of the newest commit. */
  readonly replayedMs: number | undefined;
}

export interface DrillEvidence {
  readonly directory: string;
  readonly log: string;
  /** What a person types to look into it. */
  readonly commands: readonly string[];
}
