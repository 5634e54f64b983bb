import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import type { CooldownState } from '@archive2/core/hosts/cooldown.ts';
import type { AgentReport } from '../model/agent-report.ts';
import type { DrillReport } from '../model/backup-report.ts';
import type { Known } from '../model/known.ts';
import type { PatroniReport } from '../model/server-report.ts';
import type { EventReport } from '../model/status-report.ts';
import type { QueueLook } from '../sources/queue-watch.ts';
import type { ServerLook } from '../sources/server-watch.ts';

/** What the sources said of one cluster, before anything is concluded from it. */
export interface ClusterLook {
  /** By our clock, when the sources had been asked. */
  readonly nowMs: number;
  readonly cluster: string;
  readonly expectedPrimary: string | undefined;
  readonly hosts: readonly HostLook[];
  readonly servers: readonly ServerLook[];
  /** null: none is configured. */
  readonly patroni: Known<PatroniReport> | null;
  readonly queue: Known<QueueLook> | null;
  /** All agents of this machine's account. */
  readonly agents: Known<readonly AgentReport[]>;
  readonly cooldowns: Known<CooldownState>;
  /** Of this machine. */
  readonly events: Known<readonly EventReport[]>;
  /** That were recorded on this machine. */
  readonly drills: Known<readonly DrillReport[]>;
  readonly trends: Trends;
}

export interface HostLook {
  /** As configured. */
  readonly name: string;
  readonly isLocal: boolean;
  /** By our clock, when it answered; and how long that took. */
  readonly answeredAtMs: number;
  readonly tookMs: number;
  readonly survey: Known<HostSurvey>;
  /** Of its own log; asked after the survey, in the time that is left. */
  readonly events: Known<readonly EventReport[]>;
}

/** What earlier looks and this one together tell; by names as in the look. */
export interface Trends {
  diskFullAtMs(host: string): Known<number | null>;
  debtsGrowth(host: string): Known<number>;
  walFullAtMs(server: string): Known<number | null>;
}
