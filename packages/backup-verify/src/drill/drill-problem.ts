import type { Failure } from '@archive2/core/base/failure.ts';
import type { FailureCode } from '@archive2/core/base/failure-table.ts';
import type { DrillProblem } from '@archive2/core/restore/drill/drill-report.ts';
import type { CheckResult } from '@archive2/core/restore/server/checks/check.ts';

/** Failures that say something of the backup or its WAL. All others only say that the drill could not be carried out. */
const ofTheBackup: ReadonlySet<FailureCode> = new Set([
  'drill_failed',
  'backup_damaged',
  'damaged',
  'wrong_cluster',
  'restore_failed',
  'hole',
  'wal_missing',
  'not_found',
]);

export function isOfTheBackup({ code }: Pick<Failure, 'code'>): boolean {
  return ofTheBackup.has(code);
}

/** Undefined when all checks passed. Pure. */
export function describeFailedChecks(checks: readonly CheckResult[]): DrillProblem | undefined {
  const failed = checks.filter(({ ok }) => !ok);
  const [first] = failed;
  if (first === undefined) return undefined;
  const others = failed.length === 1 ? '' : ` (and ${failed.length - 1} more)`;
  return {
    code: 'drill_failed',
    message: `check "${first.name}" failed: ${first.problem}${others}`,
    hint: 'The report has each check with what it saw, and the commands to look into it.',
  };
}
