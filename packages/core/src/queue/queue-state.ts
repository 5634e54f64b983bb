import type { ClusterSettings, HostSettings, ScheduleSettings, ServerSettings } from './cluster-settings.ts';
import type { Progress } from './task.ts';
import type { TaskKind } from './task-kind.ts';

/**
 * All that decides who does what next, at one moment. The policy in this folder works on it alone: the stores, the plan of the
 * coming days, the answers to "why not" and the simulation in the tests share it.
 */
export interface QueueState {
  /** By the queue's clock. */
  nowMs: number;
  hosts: readonly HostState[];
  /** Only those whose limit was set. */
  servers: readonly ServerSettings[];
  clusters: readonly ClusterState[];
  running: readonly RunningTask[];
}

export interface HostState extends HostSettings {
  /** When it last asked for a task, to the minute; undefined: never. */
  seenAtMs: number | undefined;
}

export interface ClusterState extends ClusterSettings {
  schedules: readonly ScheduleState[];
}

export interface ScheduleState extends ScheduleSettings {
  /** The first task is due from here. */
  addedAtMs: number;
  runNow: RunNow | undefined;
  /** One for each archive host of the cluster that has had a task; also of hosts that were taken off the list. */
  turns: readonly TurnState[];
}

/** A person asked for a task that does not wait for its time. */
interface RunNow {
  requestedAtMs: number;
  /** The archive host that shall do it; undefined: the first one that asks. */
  host: string | undefined;
}

/** How one archive host stands with one schedule. */
export interface TurnState {
  host: string;
  /** Its last success's place in the schedule, from which the next ones count; undefined: none yet. */
  slotAtMs: number | undefined;
  /** When its last success began. */
  succeededAtMs: number | undefined;
  /** Failures in a row since. */
  failures: number;
  /** After a failure: not before. */
  notBeforeMs: number | undefined;
  /** Of the last failure, until a success. */
  lastError: string | undefined;
}

export interface RunningTask {
  taskId: number;
  kind: TaskKind;
  cluster: string;
  host: string;
  sourceServer: string;
  dueAtMs: number;
  startedAtMs: number;
  heartbeatAtMs: number;
  leaseUntilMs: number;
  progress: Progress | undefined;
}
