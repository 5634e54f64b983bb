import type { BackupReport } from './backup-report.ts';
import type { Known } from './known.ts';
import type { LagReport, SegmentReport, WalBand } from './wal-report.ts';

/** One archive host, by its own survey. Without an answer every cell but `cooldown` says the same reason. */
export interface HostReport {
  /** As configured: "arch1", "archive@arch1", or a directory of this machine. */
  readonly name: string;
  readonly isLocal: boolean;
  /** How long the answer took; unknown: it does not answer, or the answer is not to be used. */
  readonly answerMs: Known<number>;
  /** The machine's own name, and the release that answered. */
  readonly machine: Known<string>;
  readonly program: Known<string>;
  /** Its clock less ours; half of the answer's time is taken for the way back. */
  readonly clockOffsetMs: Known<number>;
  /** The directory's random id: two names with one id are one archive. null: none yet. */
  readonly storeId: Known<string | null>;
  /** null: the archive has no identity yet, as no segment has come. */
  readonly identity: Known<IdentityReport | null>;
  readonly newest: Known<SegmentReport | null>;
  /** What the primary has written and this host lacks. Whole segments; bytes count the segment at work too. */
  readonly lag: Known<LagReport>;
  readonly debts: Known<DebtsReport>;
  /** How many more they are than some minutes ago; less than 0: fewer. Unknown until there are samples. */
  readonly debtsGrowth: Known<number>;
  readonly disk: Known<DiskReport>;
  /** When its disk is full if it goes on as now; null: it does not fill. */
  readonly diskFullAtMs: Known<number | null>;
  readonly quarantined: Known<number>;
  readonly pins: Known<number>;
  /** null: never, or not readable. */
  readonly lastCleanupAtMs: Known<number | null>;
  readonly lastSync: Known<SyncReport | null>;
  /** What the host could not read of its own archive. */
  readonly problems: Known<readonly { readonly what: string; readonly reason: string }[]>;
  /** All base backups, oldest first. */
  readonly backups: Known<readonly BackupReport[]>;
  /** The newest complete one; null: there is none. */
  readonly lastBackup: Known<BackupReport | null>;
  /** Full segments in a row, by timeline and position. */
  readonly wal: Known<readonly WalBand[]>;
  /** Whether this machine's agents have it in cooldown; null: not. Unknown on a machine without agents. */
  readonly cooldown: Known<CooldownReport | null>;
}

export interface IdentityReport {
  /** Decimal. */
  readonly systemIdentifier: string;
  readonly segmentSizeBytes: number;
  /** null: newer than the program of the host. */
  readonly postgresMajor: number | null;
}

export interface DebtsReport {
  /** Files that the host owes its peer. */
  readonly count: number;
  /** When the oldest was recorded; null: there is none. */
  readonly oldestAtMs: number | null;
}

export interface DiskReport {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
}

/** The last wal-sync that was run on the host. */
interface SyncReport {
  readonly endedAtMs: number;
  readonly peer: string;
  readonly isEqual: boolean;
}

export interface CooldownReport {
  /** Its last failure, as the agent has it; null: it has not noted one. */
  readonly failure: string | null;
  readonly untilAtMs: number;
}
