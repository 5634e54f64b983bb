import type { Known } from './known.ts';

/** An agent on this machine, by what it writes about itself (docs/events.md), and whether it answers. */
export interface AgentReport {
  /** Its file in the state directory: "push-fe.0-20f479.metrics.json". */
  readonly file: string;
  readonly counters: Known<AgentCounters>;
  /** Its process is there. One without work ends by itself: that is no fault. */
  readonly isAlive: Known<boolean>;
  /** Whether one that is alive answers on its socket; known and null for one that is not. */
  readonly answers: Known<boolean | null>;
}

/** Counters go on from one agent to the next of the same data directory; gauges mean nothing of one that is not alive. */
export interface AgentCounters {
  /** push: behind archive_command; get: behind restore_command. */
  readonly role: 'push' | 'get';
  readonly program: string;
  readonly dataDirectory: string;
  readonly cluster: string | null;
  readonly pid: number;
  readonly startedAtMs: number;
  readonly writtenAtMs: number;
  /** When it ended in order. */
  readonly endedAtMs: number | null;
  readonly countingSinceAtMs: number;
  readonly lastSuccessAtMs: number | null;
  readonly lastFailure: {
    readonly atMs: number;
    readonly code: string;
    readonly message: string;
    readonly name: string | null;
  } | null;
  readonly hosts: readonly AgentHostCounters[];
  readonly push: PushCounters | null;
  readonly get: GetCounters | null;
}

/** An archive host, as this agent met it. */
interface AgentHostCounters {
  /** As the command line names it. */
  readonly host: string;
  readonly files: number;
  readonly debts: number;
  readonly failures: number;
  readonly lastSuccessAtMs: number | null;
  readonly lastFailureAtMs: number | null;
  readonly lastFailure: string | null;
  /** In the past: it is over. */
  readonly coolingUntilAtMs: number | null;
}

export interface PushCounters {
  /** Gauges: files that PostgreSQL had marked as ready when the agent looked last, and those on their way. */
  readonly ready: number | null;
  readonly readyAtMs: number | null;
  readonly underWay: number;
  readonly shipped: number;
  readonly failed: number;
  readonly failedCalls: number;
  readonly retries: number;
  readonly bytes: number;
  /** How long pushes took; buckets as Prometheus has them, cumulative. `upToSeconds` null is the last one, for all. */
  readonly seconds: {
    readonly count: number;
    readonly sum: number;
    readonly buckets: readonly { readonly upToSeconds: number | null; readonly count: number }[];
  };
}

export interface GetCounters {
  readonly delivered: number;
  readonly absent: number;
  readonly unknown: number;
  readonly prefetchHits: number;
  readonly prefetchMisses: number;
  readonly damagedCopies: number;
  readonly bufferFiles: number;
  readonly bufferBytes: number;
  readonly applyDelaySeconds: number | null;
}
