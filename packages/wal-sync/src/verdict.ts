import { failureTable } from '@archive2/core/base/failure-table.ts';
import type { SyncReport } from './report.ts';

/** The exit status of a run, the gravest first: 0 only when both hosts are equal and nothing is missing that nobody accepted. */
export function statusOf(report: SyncReport): number {
  const [failed] = report.failed;
  if (report.conflicts.length > 0) return failureTable.conflict.exit;
  if (report.damaged.length > 0) return failureTable.damaged.exit;
  if (failed !== undefined) return failureTable[failed.code].exit;
  if (report.dryRun && hasWork(report)) return failureTable.check_failed.exit;
  if (report.holes.some(({ accepted }) => accepted === undefined)) return failureTable.hole.exit;
  return 0;
}

function hasWork({ fetched, sent, repairedHere, repairedThere }: SyncReport): boolean {
  return fetched.files + sent.files + repairedHere.length + repairedThere.length > 0;
}

/** Whether both hosts hold the same files with the same contents now, as far as this run looked. */
export function isEqual(report: SyncReport): boolean {
  const isSettled = report.conflicts.length + report.damaged.length + report.failed.length === 0;
  return isSettled && !(report.dryRun && hasWork(report));
}
