import type { Level } from '../check/level.ts';

export interface Reason {
  readonly level: Level;
  /** For people: "the newest backup is 3 d old". */
  readonly text: string;
}

/** How a cluster is, and why. */
export interface Verdict {
  readonly level: Level;
  /** Worst first; empty when all is well. */
  readonly reasons: readonly Reason[];
}
