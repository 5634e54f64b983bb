import type { AgentReport } from './agent-report.ts';
import type { BackupReport, DrillReport, QueueReport } from './backup-report.ts';
import type { CoverageReport } from './coverage-report.ts';
import type { HostReport } from './host-report.ts';
import type { Known } from './known.ts';
import type { RoleReport, ServerReport } from './server-report.ts';
import type { WalReport } from './wal-report.ts';

/** Grows when a field is renamed or means something else; new fields come without a new number. */
export const statusSchemaVersion = 1;

/**
 * How the clusters are, at one moment: all that the table, the check, the metrics and the page show. Plain data.
 *
 * `…AtMs` are moments, in milliseconds since the Unix epoch; `…Ms` are durations; `…Bytes` bytes; LSNs are text as PostgreSQL
 * prints them; names of segments are text. `null` is known and means that there is none; what is not known is an Unknown.
 * docs/archive-status.md describes it as JSON (see json-of.ts), where moments are text.
 */
export interface StatusReport {
  readonly schema: typeof statusSchemaVersion;
  /** The release that made it, and the machine that it ran on. */
  readonly program: string;
  readonly machine: string;
  /** When the sources were asked, and how long that took. */
  readonly generatedAtMs: number;
  readonly gatheringMs: number;
  /** In the order of the configuration. */
  readonly clusters: readonly ClusterReport[];
}

export interface ClusterReport {
  readonly cluster: string;
  /** The archive hosts, preferred first; one or two. */
  readonly hosts: readonly HostReport[];
  /** The database servers as configured; empty where none is. */
  readonly servers: readonly ServerReport[];
  readonly role: RoleReport;
  readonly wal: WalReport;
  /** The newest complete base backup on the hosts that answered; null: they have none. */
  readonly newestBackup: Known<BackupReport | null>;
  /** null: no queue is configured. */
  readonly queue: Known<QueueReport> | null;
  /** Newest first; of the queue and of the drills that were recorded on this machine. */
  readonly drills: Known<readonly DrillReport[]>;
  readonly coverage: Known<CoverageReport>;
  /** The agents of this machine; null: this is no database server of the cluster. */
  readonly agents: Known<readonly AgentReport[]> | null;
  /** Of this machine and of the archive hosts that answered, newest first, at most 100. */
  readonly events: Known<readonly EventReport[]>;
}

/** See docs/events.md. */
export interface EventReport {
  readonly atMs: number;
  /** The machine that noted it; empty when that is not known. */
  readonly host: string;
  /** "host-failed", "debt-paid" and the like; of a newer release it may be another one. */
  readonly event: string;
  readonly severity: 'info' | 'warning' | 'error';
  /** The rest of what was noted. */
  readonly fields: Readonly<Record<string, string | number | boolean | null>>;
}
