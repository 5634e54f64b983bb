import type { Known } from './known.ts';

/** An agent on this machine, by what it writes about itself. */
export interface AgentReport {
  /** push: behind archive_command; get: behind restore_command. */
  readonly role: 'push' | 'get';
  /** Which data directory, as in its socket's name: "fe.0-20f479". */
  readonly instance: string;
  /** Whether its socket answers now. An agent without work ends by itself: that is no fault. */
  readonly answers: Known<boolean>;
  readonly pid: Known<number>;
  /** When it last wrote its counters. */
  readonly writtenAtMs: Known<number>;
  /** Files that wait to be shipped. */
  readonly queue: Known<number>;
  readonly underWay: Known<number>;
  readonly shipped: Known<number>;
  readonly failed: Known<number>;
  /** How long pushes took, cumulative as Prometheus has it: `upToSeconds` null is the last one, for all. */
  readonly pushSeconds: Known<{
    readonly count: number;
    readonly sum: number;
    readonly buckets: readonly { readonly upToSeconds: number | null; readonly count: number }[];
  }>;
}
