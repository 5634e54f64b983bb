import type { Verdict } from './check/judge-cluster.ts';
import type { StatusReport } from './model/status-report.ts';

/**
 * What `--json` prints and `/api/status` serves (docs/archive-status.md): the report, with moments as text in UTC: a field `xAtMs` of
 * a number is `xAt` in the JSON, one that is null or unknown keeps its value under that name. With the verdict of each cluster.
 */
export function statusJson(report: StatusReport, verdicts: readonly Verdict[]): string {
  const judged = verdicts.map(({ cluster, level, findings }) => ({
    cluster,
    level,
    findings: findings.map(({ rule, level, text, counts }) => ({ rule, level, text, counts })),
  }));
  return `${JSON.stringify(withTexts({ ...report, verdicts: judged }), null, 2)}\n`;
}

/** Plain data with its moments as text. */
function withTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const isMoment = key === 'atMs' || key.endsWith('AtMs');
      return isMoment ? [key.slice(0, -2), momentOf(inner)] : [key, withTexts(inner)];
    }),
  );
}

/** A moment, null, or a cell that holds one of both. */
function momentOf(value: unknown): unknown {
  if (typeof value === 'number') return textOf(value);
  if (typeof value !== 'object' || value === null) return value;
  const { known, value: inner } = value as Record<string, unknown>;
  return known === true && typeof inner === 'number' ? { known, value: textOf(inner) } : value;
}

function textOf(atMs: number): string | null {
  const moment = new Date(atMs);
  return Number.isNaN(moment.getTime()) ? null : moment.toISOString();
}
