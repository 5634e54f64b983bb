/** As monitoring plugins have it. */
export const levels = ['ok', 'warning', 'critical', 'unknown'] as const;

export type Level = (typeof levels)[number];

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

/** For whoever has to act first: unknown may be critical, so it comes before a warning. */
const urgency: Readonly<Record<Level, number>> = { critical: 3, unknown: 2, warning: 1, ok: 0 };

/** For sorting, worst first. */
export function byUrgency(a: Level, b: Level): number {
  return urgency[b] - urgency[a];
}

export function worstOf(all: readonly Level[]): Level {
  return all.toSorted(byUrgency)[0] ?? 'unknown';
}
