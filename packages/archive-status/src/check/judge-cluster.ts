import { Failure } from '@archive2/core/base/failure.ts';
import type { ClusterReport } from '../model/status-report.ts';
import { byLevel, type Level, worstLevel } from './level.ts';
import type { Opinion, Question, Rule } from './rule.ts';
import { rules } from './rules.ts';

/** Which rules count. */
export interface Selection {
  /** Undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly skip: readonly string[];
}

const everyRule: Selection = { only: undefined, skip: [] };

export interface Finding extends Opinion {
  readonly rule: string;
  /** False: an early warning that is not known, which makes nothing unknown. */
  readonly counts: boolean;
}

/** How a cluster is, and why. */
export interface Verdict {
  readonly cluster: string;
  readonly level: Level;
  /** Worst first, equally bad ones in the order of the rules. */
  readonly findings: readonly Finding[];
}

/** Asks the selected rules about one cluster. Pure. */
export function judgeCluster(cluster: ClusterReport, question: Question, selection: Selection = everyRule): Verdict {
  const findings = selectedRules(selection).flatMap((rule) => {
    const isAsked = rule.isAdvisory !== true || (selection.only?.includes(rule.name) ?? false);
    return rule.judge(cluster, question).map((opinion): Finding => {
      return { ...opinion, rule: rule.name, counts: isAsked || opinion.level !== 'unknown' };
    });
  });
  const level = worstLevel(findings.filter(({ counts }) => counts).map(({ level }) => level));
  return { cluster: cluster.cluster, level, findings: findings.toSorted(byLevel) };
}

/** Throws Failure `usage` for a rule that is none, and for a selection that leaves nothing: it would be ok without a look. */
export function selectedRules({ only, skip }: Selection): Rule[] {
  const names = rules.map(({ name }) => name);
  const wrong = [...(only ?? []), ...skip].find((name) => !names.includes(name));
  if (wrong !== undefined) {
    throw new Failure('usage', `${JSON.stringify(wrong)} is no rule`, { hint: `The rules are ${names.join(', ')}.` });
  }
  const selected = rules.filter(({ name }) => (only === undefined || only.includes(name)) && !skip.includes(name));
  if (selected.length === 0) throw new Failure('usage', '--only and --skip leave no rule to go by');
  return selected;
}
