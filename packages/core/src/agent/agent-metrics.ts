import type { Histogram } from '../base/histogram.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import type { AgentRole } from './agent-address.ts';

/**
 * What an agent counts, as its file `<state directory>/<role>-<id>.metrics.json` says it (docs/events.md).
 *
 * Times are milliseconds since the Unix epoch. Counters go on from one agent to the next of the same data directory and role, and begin
 * anew only when the file is gone or of another version: `countingSinceMs` says when. Gauges are as of `writtenMs`.
 */
export interface AgentMetrics {
  readonly role: AgentRole;
  /** The agent's release. */
  readonly program: string;
  readonly dataDirectory: string;
  /** Of the command line that was served last; undefined before the first, and where it names none. */
  readonly cluster: string | undefined;
  readonly process: ProcessIdentity;
  readonly startedMs: number;
  readonly writtenMs: number;
  /** When the agent ended in order; undefined while it lives, and when it was killed. */
  readonly endedMs: number | undefined;
  readonly countingSinceMs: number;
  readonly lastSuccessMs: number | undefined;
  readonly lastFailure: AgentFailure | undefined;
  readonly hosts: readonly AgentHostMetrics[];
  /** Of archive_cmd's agent. */
  readonly push: PushMetrics | undefined;
  /** Of restore_cmd's agent. */
  readonly get: GetMetrics | undefined;
}

/** The last call that failed: on a standby also one that ended with "not known". */
export interface AgentFailure {
  readonly atMs: number;
  /** Of the table of failures; `unknown_answer` where the hosts did not say. */
  readonly code: string;
  readonly message: string;
  /** The archive file. */
  readonly name: string | undefined;
}

/** An archive host, as this agent met it. */
export interface AgentHostMetrics {
  /** As the command line names it. */
  readonly host: string;
  /** Counter. Files that it confirmed (push), or delivered (get). */
  readonly files: number;
  /** Counter. Of those that it confirmed: files that it has to make up for on its peer. Of a get agent 0. */
  readonly debts: number;
  /** Counter. Sessions and requests that failed. */
  readonly failures: number;
  readonly lastSuccessMs: number | undefined;
  readonly lastFailureMs: number | undefined;
  readonly lastFailure: string | undefined;
  /** When its cooldown ends; undefined when there is none. In the past: it is over. */
  readonly coolingUntilMs: number | undefined;
}

/** Upper bounds of `PushMetrics.seconds`, in seconds. */
export const pushSecondsBounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60] as const;

export interface PushMetrics {
  /** Gauge. Files that PostgreSQL had marked as ready when the agent looked last; undefined before it looked. */
  readonly ready: number | undefined;
  readonly readyAtMs: number | undefined;
  /** Gauge. Files on their way. */
  readonly underWay: number;
  /** Counter. Files that are archived, with as many copies as were asked for; each once, however often PostgreSQL asked. */
  readonly shipped: number;
  /** Counter. Attempts to ship a file that failed, read-ahead included. */
  readonly failed: number;
  /** Counter. Calls of PostgreSQL that ended with failure. */
  readonly failedCalls: number;
  /** Counter. Within attempts: hosts that were asked after another one had failed. */
  readonly retries: number;
  /** Counter. Bytes of the shipped files, before compression. */
  readonly bytes: number;
  /** From the first look at a shipped file to its last confirmation, in seconds. */
  readonly seconds: Histogram;
}

export interface GetMetrics {
  /** Counters. What calls ended with. */
  readonly delivered: number;
  readonly absent: number;
  readonly unknown: number;
  /** Counters. Of the delivered: had been fetched, or were on their way, before they were asked for; or not. */
  readonly prefetchHits: number;
  readonly prefetchMisses: number;
  /** Counter. Copies that a host sent and that were not whole. */
  readonly damagedCopies: number;
  /** Counter. Calls that fetched by themselves, because the buffer had no room. */
  readonly callsWithoutPlace: number;
  /** Gauges. Segments that are ready. */
  readonly bufferFiles: number;
  readonly bufferBytes: number;
  /** Gauge. Of a delayed standby; undefined elsewhere. */
  readonly applyDelaySeconds: number | undefined;
}
