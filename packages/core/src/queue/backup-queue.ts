import type { ClusterSettings, HostSettings, ScheduleSettings, ServerSettings } from './cluster-settings.ts';
import type { QueueState } from './queue-state.ts';
import type { Claim, ClaimRequest, Outcome, Progress, Task, TaskState, Verification } from './task.ts';
import type { TaskKind } from './task-kind.ts';

/**
 * The queue of backups, as workers (`base-backup`) and operators (`backup-queue`) see it. Two stores keep it: PostgreSQL for any
 * number of archive hosts, SQLite for one; test/conformance/ holds what both must do.
 *
 * Every call is one transaction of the store, durable when it returns. Times are milliseconds since the Unix epoch by the queue's
 * clock, never the caller's. Every call may fail with
 *  - `queue_unavailable` (retryable): not reached, connection lost, or a lock not granted in time. The change may have been made:
 *    ask again, every call but those marked otherwise may be repeated.
 *  - `queue_version`: the schema is missing, older than this program, or changed by a newer one in a way that this one cannot follow.
 *  - `queue_denied`: the login has no right to it.
 * These two and all others named below are permanent: the same call fails again until somebody changes something.
 */
export interface BackupQueue extends WorkerQueue, OperatorQueue {
  /** Ends its connections. No call may follow. */
  close(): Promise<void>;
}

/** What the role of workers may do: it sees the tasks that it claims, and no table. */
interface WorkerQueue {
  /**
   * Takes the task whose turn it is for this archive host, or undefined when there is none. A task goes to one worker only. First
   * tasks whose lease has ended are set down as lost.
   *
   * Idempotent by the token: it returns the same claim again while that runs. A token whose task has ended: `stale_claim`. With
   * `cluster`: `unknown_cluster` when it is not there or this host is not one of its hosts; with `force` also `busy`.
   */
  claim(request: ClaimRequest): Promise<Claim | undefined>;

  /**
   * Holds the claim for another `leaseSeconds` and says how long. A task that was set down as lost, but not given to anybody
   * else since, is running again.
   *
   * Throws `stale_claim` when it was given to somebody else, was ended, or is unknown (the queue may have lost its last
   * changes in a failover): the worker goes on if it wants to, and `complete` will say.
   */
  heartbeat(claim: Claim, progress?: Progress): Promise<{ leaseUntilMs: number }>;

  /**
   * Records how the task ended, and plans the next one. Returns the id under which the history has it.
   *
   * Idempotent: the same claim with the same outcome again changes nothing. Late is fine, also after the lease, as long as the
   * task was not given to somebody else: after that, or when it was completed otherwise, `stale_claim`. A claim that the
   * queue has lost in a failover is recorded as a new task, if none of its cluster and kind was given out since.
   */
  complete(claim: Claim, outcome: Outcome): Promise<{ taskId: number }>;

  /** Idempotent by the id. Needs no claim. */
  recordVerification(verification: Verification): Promise<void>;
}

/** What operators may do; `state`, `tasks` and `verifications` are also for the monitor's role. */
export interface OperatorQueue {
  /** All that decides what is next: see `plan` and `explain`. Leases that have ended still count as running there. */
  state(): Promise<QueueState>;

  /** The history, newest first. */
  tasks(filter?: TaskFilter): Promise<Task[]>;

  /** Newest first. */
  verifications(filter?: { cluster?: string; limit?: number }): Promise<Verification[]>;

  /**
   * Adds a cluster, due at once. Throws `usage` for settings that can't be and for a password in `conninfo`, and
   * `cluster_exists` for a name that is taken: so a repeated call after `queue_unavailable` may fail with it.
   */
  addCluster(settings: ClusterSettings, schedules: readonly ScheduleSettings[]): Promise<void>;

  /** Changes what is given; also how to pause and resume. Throws `unknown_cluster`, `usage`. */
  changeCluster(name: string, change: Partial<Omit<ClusterSettings, 'name'>>): Promise<void>;

  /** Changes what is given, and adds the schedule with the defaults for the rest if the cluster has none of this kind. */
  changeSchedule(name: string, kind: TaskKind, change: Partial<Omit<ScheduleSettings, 'kind'>>): Promise<void>;

  /**
   * Removes the cluster and its schedules; its history stays. Nothing on the archive hosts is touched. Throws `unknown_cluster`,
   * and `busy` while a task of it runs, unless `evenIfRunning`: that task can't be completed then.
   */
  removeCluster(name: string, options?: { evenIfRunning?: boolean }): Promise<void>;

  /** Adds or changes an archive host: its limit, and whether it gets tasks. */
  changeHost(name: string, change: Partial<Omit<HostSettings, 'name'>>): Promise<void>;

  /** Adds or changes a source server's limit. */
  changeServer(name: string, change: Partial<Omit<ServerSettings, 'name'>>): Promise<void>;

  /**
   * Asks for a task before all others, whatever its period, turn, window or failures; limits hold. A paused cluster, schedule or
   * host still gets none. Of one `host`, or of whichever asks first. Asking twice is asking once. Throws `unknown_cluster`.
   */
  runNow(name: string, kind: TaskKind, host?: string): Promise<void>;

  /**
   * Forgets the failures of one host, or of all: they are in turn again, at once. Returns the hosts that had any. Throws
   * `unknown_cluster`.
   */
  retry(name: string, kind: TaskKind, host?: string): Promise<string[]>;
}

export interface TaskFilter {
  cluster?: string;
  kind?: TaskKind;
  host?: string;
  states?: readonly TaskState[];
  /** Only tasks with a smaller id: for the next page. */
  beforeTaskId?: number;
  /** Default 100, at most 10,000. */
  limit?: number;
}
