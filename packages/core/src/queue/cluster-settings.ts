import type { StartWindow } from './start-window.ts';
import type { TaskKind } from './task-kind.ts';

/** A database cluster as the queue knows it: where its server is, and where its backups go. */
export interface ClusterSettings {
  /** The cluster's name on the archive hosts; 1 to 63 letters, digits, `_`, `.` and `-`, beginning with a letter or digit. */
  name: string;
  /**
   * How to connect, as libpq's `keyword=value` words; several hosts and `target_session_attrs` as libpq means them. Never with a
   * password: that is for `.pgpass`, certificates or `pg_hba.conf`.
   */
  conninfo: string;
  /** The names that the archive hosts call `claim` with: one or more, each once. Their order means nothing. */
  archiveHosts: readonly string[];
  /** The cluster directory on each archive host, absolute. */
  directory: string;
  /** The machine that is under load while a task runs: clusters with the same one share its limit. Default: the name. */
  sourceServer: string;
  /** Of the start windows; a name of the time zone database. */
  timeZone: string;
  /** False: paused. Running tasks go on. */
  enabled: boolean;
}

/** When tasks of one kind are due for a cluster. */
export interface ScheduleSettings {
  kind: TaskKind;
  /**
   * Each archive host does one in so many days (at least 0.01); with two hosts the cluster has one in half of that. While a host
   * is out, the others do its turns too.
   */
  periodicityDays: number;
  /** Backups that rotation leaves on each host, at least 1. */
  keep: number;
  startWindow: StartWindow | undefined;
  /** -1000 to 1000. Each point moves a task that is due one hour forward in the line; so none waits for ever. */
  priority: number;
  enabled: boolean;
  /** Failures in a row of one host after which it needs attention, at least 1. */
  failureLimit: number;
  /** For the program that does the work, passed on as they are. No secrets. */
  options: Readonly<Record<string, string>>;
}

/** How many tasks an archive host runs at once, and whether it gets any. Unknown hosts have the defaults. */
export interface HostSettings {
  name: string;
  /** At least 1. */
  maxRunning: number;
  enabled: boolean;
}

export interface ServerSettings {
  name: string;
  /** Tasks of all clusters and kinds that may run against this machine at once, at least 1. */
  maxRunning: number;
}

export const defaultClusterSettings = { timeZone: 'UTC', enabled: true } as const;

export const defaultScheduleSettings = {
  periodicityDays: 4,
  keep: 3,
  startWindow: undefined,
  priority: 0,
  enabled: true,
  failureLimit: 6,
  options: {},
} as const satisfies Omit<ScheduleSettings, 'kind'>;

export const defaultMaxRunning = 1;
