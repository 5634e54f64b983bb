import type { Lsn } from '../wal/lsn.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { TaskKind } from './task-kind.ts';

export interface ClaimRequest {
  /**
   * A random UUID that the worker makes, and keeps in its journal before it asks. It is the fencing token of the claim: asking again
   * with the same one, after a lost connection, gets the same claim.
   */
  token: string;
  /** The archive host that asks, by the name in `archiveHosts`. */
  host: string;
  /** Default: `base` alone. */
  kinds?: readonly TaskKind[];
  /** Only this cluster's. */
  cluster?: string;
  /**
   * For a person's `--now`, with `cluster` and one kind: periods, turns, windows, pauses and failures don't count. Limits and
   * a running task of the same cluster and kind do: then the claim fails with `busy`.
   */
  force?: boolean;
  /** After the last heartbeat the claim is held so long; 1 to 604800, default 900. */
  leaseSeconds?: number;
}

/** What a worker has to do, and all that it needs to know for it. */
export interface Claim {
  /** Identifies the task in the history; grows. */
  taskId: number;
  token: string;
  kind: TaskKind;
  cluster: string;
  host: string;
  conninfo: string;
  directory: string;
  keep: number;
  /** The other archive hosts of the cluster. */
  peers: readonly string[];
  options: Readonly<Record<string, string>>;
  /** When it should have begun: its place in the schedule. */
  dueAtMs: number;
  startedAtMs: number;
  leaseSeconds: number;
  leaseUntilMs: number;
}

export interface Progress {
  doneBytes: number;
  /** An estimate, and undefined when there is none. */
  totalBytes: number | undefined;
}

/** What a task made. All fields are optional because each kind knows others; sizes in bytes. */
export interface TaskResult {
  /** Its directory or file below the cluster directory: "data.master.12". */
  name?: string;
  /** Of the database, before compression. */
  sourceBytes?: number;
  /** On the archive host's disk. */
  storedBytes?: number;
  startLsn?: Lsn;
  stopLsn?: Lsn;
  timeline?: TimelineId;
  systemIdentifier?: string;
  /** The server's, as server_version_num: 150004. */
  serverVersion?: number;
  /** Of the program that did the work: "pg_basebackup (PostgreSQL) 15.4". */
  toolVersion?: string;
  /** The task whose backup this one builds on. */
  basedOnTaskId?: number;
  /** Whatever else the program wants to keep; shown in the history. */
  details?: Readonly<Record<string, string | number | boolean>>;
}

export type Outcome =
  | { state: 'succeeded'; result: TaskResult }
  /** `error`: the failure's message, at most 4000 characters are kept. */
  | { state: 'failed'; error: string; result?: TaskResult };

/** `lost`: its lease ended without a word; it counts as failed, until its worker is heard of again and nobody replaced it. */
export type TaskState = 'running' | 'succeeded' | 'failed' | 'lost';

/** A line of the history: one claim and what became of it. */
export interface Task {
  taskId: number;
  kind: TaskKind;
  cluster: string;
  host: string;
  sourceServer: string;
  state: TaskState;
  dueAtMs: number;
  startedAtMs: number;
  heartbeatAtMs: number;
  leaseUntilMs: number;
  /** When it was completed, or found to be lost; undefined while it runs. */
  endedAtMs: number | undefined;
  progress: Progress | undefined;
  error: string | undefined;
  result: TaskResult;
}

/** What a restore drill, or another check of a finished backup, found. */
export interface Verification {
  /** A random UUID by the caller: recording the same again changes nothing. */
  id: string;
  /** The task that made what was verified; undefined for a backup that the queue does not know. */
  taskId: number | undefined;
  cluster: string;
  /** Where it was verified. */
  host: string;
  /** The backup's directory or file, as in TaskResult. */
  name: string;
  /** What was done: "manifest", "restore", "checksums" and the like. */
  method: string;
  startedAtMs: number;
  endedAtMs: number;
  ok: boolean;
  error: string | undefined;
  details: Readonly<Record<string, string | number | boolean>>;
}
