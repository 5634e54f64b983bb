import type { Verdict as CheckVerdict } from '../check/judge-cluster.ts';
import type { Level } from '../check/level.ts';
import type { StatusReport } from '../model/status-report.ts';

export interface Reason {
  readonly level: Level;
  /** For people: "the newest backup is 3 d old". */
  readonly text: string;
  /** Of the check, that say so. */
  readonly rules: readonly string[];
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
  return { level: 'unknown', reasons: [{ level: 'unknown', text: why, rules: [] }], rules: new Map() };
}

function shown({ level, findings }: CheckVerdict): Verdict {
  const counting = findings.filter(({ counts }) => counts);
  // One host that is away is the reason of many rules: told once.
  const told = Map.groupBy(
    counting.filter(({ level }) => level !== 'ok'),
    ({ level, text }) => `${level} ${text}`,
  );
  const rules = new Map<string, Level>();
  // Worst first: the first of each rule is its worst.
  for (const { rule, level } of counting) if (!rules.has(rule)) rules.set(rule, level);
  const reasons = [...told.values()].flatMap((alike) => {
    const [first] = alike;
    if (first === undefined) return [];
    return [{ level: first.level, text: first.text, rules: [...new Set(alike.map(({ rule }) => rule))] }];
  });
  return { level, reasons, rules };
}
