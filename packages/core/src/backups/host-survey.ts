import type { AcceptedHole } from '../wal/accepted-hole.ts';
import type { SegmentName } from '../wal/archive-file.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import type { Descent } from '../wal/later-wal.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { BackupState } from './read-backup.ts';

/**
 * What one archive host holds of a cluster, as it says itself: all that decides what can be restored from it, and how it is.
 * Times are milliseconds since the Unix epoch by the host's clock, sizes are bytes.
 */
export interface HostSurvey {
  /** The machine's own name. */
  readonly host: string;
  /** The host's clock when it looked. */
  readonly nowMs: number;
  /** Its release. */
  readonly program: string;
  /** The random id of its directory: the same one under two names is one archive. Undefined until the first session made it. */
  readonly storeId: string | undefined;
  readonly cluster: string;
  /** Undefined until the first segment brought it. */
  readonly identity: ClusterIdentity | undefined;
  /** By number, those without one last. */
  readonly backups: readonly SurveyedBackup[];
  /**
   * All full segments that are stored, by timeline and position. Two runs of a timeline may touch: one ends before the segment in which
   * another timeline left.
   */
  readonly wal: readonly WalRun[];
  /** What the stored history files say. */
  readonly descents: readonly Descent[];
  readonly accepted: readonly AcceptedHole[];
  readonly debts: SurveyedDebts;
  readonly disk: SurveyedDisk;
  /** Files in the quarantine. */
  readonly quarantined: number;
  /** Expired ones are left out. */
  readonly pins: readonly SurveyedPin[];
  /** When WAL was last cleaned up here, whoever asked for it; undefined when never, or when that cannot be read. */
  readonly lastCleanupMs: number | undefined;
  /** Of the last wal-sync that was run on this host; undefined when none was, or when that cannot be read. */
  readonly lastSync: SurveyedSync | undefined;
  /** What could not be read; all else in the survey is right without it. */
  readonly problems: readonly SurveyProblem[];
}

/** A part of the archive that cannot be read: nobody knows what it would have said. */
export interface SurveyProblem {
  /** "00000002.history", "state/pins/4f12ab…" */
  readonly what: string;
  readonly reason: string;
}

interface SurveyedSync {
  readonly endedMs: number;
  readonly peer: string;
  /** Whether it found and made both hosts equal. */
  readonly isEqual: boolean;
}

export interface SurveyedBackup {
  /** "data.master.7" */
  readonly name: string;
  readonly number: number | undefined;
  readonly state: BackupState;
  /**
   * Why it cannot be used although its state may be complete, in words that follow "because": its start is not known, or it is another
   * cluster's.
   */
  readonly problem: string | undefined;
  /** Where its recovery begins, and where it becomes consistent; what is not known is undefined. */
  readonly start: WalPlace | undefined;
  readonly stop: WalPlace | undefined;
  /** 0 when that is not known. */
  readonly startedMs: number;
  /** Of a complete one: when it was made complete, which is not before it becomes consistent. */
  readonly endedMs: number | undefined;
  /** As it lies on the disk, and of the data directory and tablespaces before compression. */
  readonly sizeBytes: number | undefined;
  readonly sourceBytes: number | undefined;
  readonly fileCount: number | undefined;
  /** As server_version_num: 150004; or of the major version alone: 150000. */
  readonly serverVersion: number | undefined;
  readonly manifestSha256: string | undefined;
  readonly parent: string | undefined;
  /**
   * Plain files that a session sends ("base.tar.zst", "16385.tar.zst", "backup_manifest", "global/pg_control"), by name. Empty for a
   * backup that is not complete. Of a data directory that lies there unpacked, only the files at its top.
   */
  readonly files: readonly SurveyedFile[];
}

export interface SurveyedFile {
  readonly name: string;
  readonly sizeBytes: number;
}

/** Full segments in a row, both ends inclusive. */
export interface WalRun {
  readonly timeline: TimelineId;
  readonly from: SegmentName;
  readonly to: SegmentName;
  readonly count: number;
  /** mtimes of the first and of the last one: when the server finished writing them. */
  readonly fromMs: number;
  readonly toMs: number;
}

interface SurveyedDebts {
  /** Files that are owed to a peer, under whatever name it had. */
  readonly count: number;
  /** When the oldest of them was recorded; undefined without any. */
  readonly oldestMs: number | undefined;
}

/** Of the file system that holds the WAL directory. */
interface SurveyedDisk {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
}

/** Without its id: who knows that may end it. */
export interface SurveyedPin {
  readonly holder: string;
  readonly from: WalPlace;
  readonly expiresMs: number;
}
