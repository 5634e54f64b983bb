import type { Verification } from '@archive2/core/queue/task.ts';
import type { DrillReport } from '../model/backup-report.ts';

/** What the queue has of drills, for people and metrics. */
export function drillsOf(verifications: readonly Verification[]): DrillReport[] {
  return verifications.map(({ id, name, host, method, startedAtMs, endedAtMs, ok, error, details }) => ({
    id,
    backup: name,
    host,
    method,
    startedAtMs,
    endedAtMs,
    ok,
    error: error ?? null,
    rtoMs: durationOf(details['rtoMs']),
    rpoMs: durationOf(details['rpoMs']),
    checks: [],
  }));
}

function durationOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
