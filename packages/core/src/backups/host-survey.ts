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
  readonly cluster: string;
  /** Undefined until the first segment brought it. */
  readonly identity: ClusterIdentity | undefined;
  readonly backups: readonly SurveyedBackup[];
  /** By timeline and position; all full segments that are stored. */
  readonly wal: readonly WalRun[];
  /** What the stored history files say. */
  readonly descents: readonly Descent[];
  readonly accepted: readonly AcceptedHole[];
  readonly debts: SurveyedDebts;
  readonly disk: SurveyedDisk;
  readonly quarantined: number;
  readonly pins: readonly SurveyedPin[];
  /** When the last wal-cleanup and wal-sync ended here; undefined when never. */
  readonly lastCleanupMs: number | undefined;
  readonly lastSyncMs: number | undefined;
}

export interface SurveyedBackup {
  /** "data.master.7" */
  readonly name: string;
  readonly number: number | undefined;
  readonly state: BackupState;
  /** Where its recovery begins, and where it becomes consistent; what is not known is undefined. */
  readonly start: WalPlace | undefined;
  readonly stop: WalPlace | undefined;
  readonly startedMs: number;
  readonly endedMs: number | undefined;
  /** As it lies on the disk, and of the data directory and tablespaces before compression. */
  readonly sizeBytes: number | undefined;
  readonly sourceBytes: number | undefined;
  readonly fileCount: number | undefined;
  /** As server_version_num: 150004; or of the major version alone: 150000. */
  readonly serverVersion: number | undefined;
  readonly manifestSha256: string | undefined;
  readonly parent: string | undefined;
  /** Plain files of the backup, by name: "base.tar.zst", "16385.tar.zst", "backup_manifest", "global/pg_control". */
  readonly files: readonly { name: string; sizeBytes: number }[];
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

export interface SurveyedDebts {
  /** To all peers. */
  readonly count: number;
  /** When the oldest was recorded. */
  readonly oldestMs: number | undefined;
}

export interface SurveyedDisk {
  readonly freeBytes: number;
  readonly totalBytes: number;
  readonly freeInodes: number;
}

export interface SurveyedPin {
  readonly id: string;
  readonly holder: string;
  readonly from: WalPlace;
  readonly expiresMs: number;
}
