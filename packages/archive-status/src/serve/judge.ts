import type { Verdict as CheckVerdict } from '../check/judge-cluster.ts';
import type { Level } from '../check/level.ts';
import type { StatusReport } from '../model/status-report.ts';

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
  /** The worst that each rule of the check has to say. */
  readonly rules: ReadonlyMap<string, Level>;
}

/** As `archive-status check` does: page, metrics and check never differ. */
export type Judge = (report: StatusReport) => readonly CheckVerdict[];

/** By cluster, what of a check's verdicts is shown. */
export function verdictsOf(report: StatusReport, judge: Judge): ReadonlyMap<string, Verdict> {
  return new Map(judge(report).map((verdict) => [verdict.cluster, shown(verdict)]));
}

/** A cluster that nobody has judged: unknown, and never well. */
export function unjudged(why: string): Verdict {
  return { level: 'unknown', reasons: [{ level: 'unknown', text: why }], rules: new Map() };
}

function shown({ level, findings }: CheckVerdict): Verdict {
  const told = findings.filter(({ level, counts }) => level !== 'ok' && counts);
  const rules = new Map<string, Level>();
  // Worst first: the first of each rule is its worst.
  for (const { rule, level, counts } of findings) if (counts && !rules.has(rule)) rules.set(rule, level);
  return { level, reasons: told.map(({ level, text }) => ({ level, text })), rules };
}
