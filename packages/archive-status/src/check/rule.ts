import type { Known } from '../model/known.ts';
import type { ClusterReport } from '../model/status-report.ts';
import type { Limits } from '../settings/limits.ts';
import type { Thresholds } from '../settings/thresholds.ts';
import type { Level } from './level.ts';

/** One question about a cluster. */
export interface Rule {
  readonly name: string;
  /** For the help and the documentation: what makes it alarm. */
  readonly summary: string;
  /**
   * True: an early warning on top of another rule, or known on some machines only. What is not known of it makes the verdict
   * unknown only where the rule was asked for by its name.
   */
  readonly isAdvisory?: boolean;
  /** At least one opinion. What it needs and is not known is unknown, never ok. Pure. */
  judge(cluster: ClusterReport, question: Question): readonly Opinion[];
}

export interface Question {
  /** When the report was made. */
  readonly nowMs: number;
  readonly thresholds: Thresholds;
}

export interface Opinion {
  readonly level: Level;
  /** For people, on one line. */
  readonly text: string;
  readonly measures?: readonly Measure[];
}

/** For the plugin's perfdata: in seconds, bytes, per cent, or a number. */
export interface Measure {
  readonly label: string;
  readonly value: number;
  readonly unit: '' | 's' | 'B' | '%';
  readonly limits?: Limits;
  readonly max?: number;
}

export function ok(text: string, ...measures: readonly Measure[]): Opinion {
  return { level: 'ok', text, measures };
}

export function warning(text: string, ...measures: readonly Measure[]): Opinion {
  return { level: 'warning', text, measures };
}

export function critical(text: string, ...measures: readonly Measure[]): Opinion {
  return { level: 'critical', text, measures };
}

export function notKnown(text: string): Opinion {
  return { level: 'unknown', text };
}

/** The level of a value that is worse the greater it is; at a limit it is not passed yet. */
export function levelAbove(value: number, { warning, critical }: Limits): Level {
  if (value > critical) return 'critical';
  return value > warning ? 'warning' : 'ok';
}

/** The opinion on a cell, or that it is not known. */
export function judgeKnown<T>(cell: Known<T>, judge: (value: T) => Opinion): Opinion {
  return cell.known ? judge(cell.value) : notKnown(cell.reason);
}

/** A duration for perfdata: seconds. */
export function secondsMeasure(label: string, valueMs: number, limits?: Limits): Measure {
  const inSeconds = limits === undefined ? {} : { limits: scaled(limits) };
  return { label, value: Math.round(valueMs / 1000), unit: 's', ...inSeconds };
}

function scaled({ warning, critical }: Limits): Limits {
  return { warning: warning / 1000, critical: critical / 1000 };
}
