import type { Known } from './known.ts';

/** The archived WAL of a cluster, of both hosts together. */
export interface WalReport {
  /** The newest segment on any host that answered, by timeline and position; null: none is archived. */
  readonly newest: Known<SegmentReport | null>;
  /** What the primary has written and no host that answered has. */
  readonly lag: Known<LagReport>;
  /** What is on one of the two hosts only; known when both answered. Empty with a single host configured. */
  readonly singleCopies: Known<readonly SingleCopies[]>;
  /** What is on no host although later WAL is; known when all hosts answered. */
  readonly holes: Known<readonly HoleReport[]>;
}

export interface LagReport {
  readonly segments: number;
  readonly bytes: number;
}

export interface SegmentReport {
  readonly name: string;
  readonly timeline: number;
  /** The position behind its last byte. */
  readonly endLsn: string;
  /** When the server finished writing it. */
  readonly writtenAtMs: number;
}

/** Full segments in a row on one host, both ends inclusive. */
export interface WalBand {
  readonly timeline: number;
  readonly from: string;
  readonly to: string;
  readonly count: number;
  /** When the server finished the first and the last of them. */
  readonly fromAtMs: number;
  readonly toAtMs: number;
}

/** Segments that only this host has. Times within a band are estimated by position. */
export interface SingleCopies extends WalBand {
  readonly host: string;
}

export interface HoleReport {
  readonly timeline: number;
  readonly from: string;
  readonly to: string;
  readonly count: number;
  /** When the segments before and after it were written; null where there is none. */
  readonly fromAtMs: number | null;
  readonly toAtMs: number | null;
  /** Who accepted it, and why; null: nobody did. */
  readonly accepted: { readonly who: string; readonly why: string; readonly atMs: number } | null;
}
