import type { Known } from './known.ts';

/** A database server of the cluster. Times are by its own clock, which `nowAtMs` tells. */
export interface ServerReport {
  /** "db1:5432" */
  readonly name: string;
  readonly nowAtMs: Known<number>;
  /** How long the answer took; its clock less ours, half of that taken for the way back. */
  readonly answerMs: Known<number>;
  readonly clockOffsetMs: Known<number>;
  readonly role: Known<'primary' | 'standby'>;
  /** Decimal. */
  readonly systemIdentifier: Known<string>;
  /** server_version_num: 150004. */
  readonly serverVersion: Known<number>;
  readonly segmentSizeBytes: Known<number>;
  readonly timeline: Known<number>;
  /** When the timeline began here; null for one without a history file, which is the first. */
  readonly timelineSinceAtMs: Known<number | null>;
  /** What is written on a primary, what is replayed on a standby; null while a standby has replayed nothing. */
  readonly lsn: Known<string | null>;
  readonly archiver: Known<ArchiverReport>;
  /** What waits in pg_wal for the archiver. */
  readonly ready: Known<ReadyReport>;
  readonly walDirectory: Known<{ readonly bytes: number; readonly files: number }>;
  /** Of pg_wal's file system; known only on the server itself. */
  readonly walDisk: Known<{ readonly freeBytes: number; readonly totalBytes: number }>;
  /** When pg_wal's file system is full if it goes on as now; null: it does not fill. */
  readonly walFullAtMs: Known<number | null>;
}

/** Settings, and pg_stat_archiver. null: never. */
export interface ArchiverReport {
  readonly mode: 'off' | 'on' | 'always';
  /** archive_timeout; null: 0, so a segment is archived only when it is full. */
  readonly timeoutMs: number | null;
  readonly archivedCount: number;
  readonly lastArchivedWal: string | null;
  readonly lastArchivedAtMs: number | null;
  readonly failedCount: number;
  readonly lastFailedWal: string | null;
  readonly lastFailedAtMs: number | null;
}

interface ReadyReport {
  readonly count: number;
  /** When the oldest became ready; null: nothing waits. */
  readonly oldestAtMs: number | null;
}

/** Which server is the primary, and whether that is the right one. */
export interface RoleReport {
  /** As configured; null: any server may be. */
  readonly expectedPrimary: string | null;
  /** The servers that say that they are the primary: one, unless something is wrong. Known when all servers answered, or one says so. */
  readonly primaries: Known<readonly string[]>;
  readonly timeline: Known<number>;
  readonly timelineSinceAtMs: Known<number | null>;
  /** null: no Patroni is configured. */
  readonly patroni: Known<PatroniReport> | null;
}

export interface PatroniReport {
  /** null: the cluster has none. */
  readonly leader: string | null;
  readonly isPaused: boolean;
  readonly members: readonly {
    readonly name: string;
    readonly role: string;
    readonly state: string;
    readonly host: string;
    readonly port: number | null;
    readonly timeline: number | null;
    readonly lagBytes: number | null;
  }[];
}
