import type { Verification } from '@archive2/core/queue/task.ts';
import type { RecordedDrill } from '@archive2/core/restore/drill/drill-store.ts';
import type { DrillCheck, DrillReport } from '../model/backup-report.ts';

const checkPrefix = 'check ';
const failedPrefix = 'FAILED: ';

/** What the queue has of drills; backup-verify writes their figures and checks into the details. */
export function drillsOfQueue(verifications: readonly Verification[]): DrillReport[] {
  return verifications.map(({ id, name, host, method, startedAtMs, endedAtMs, ok, error, details }) => ({
    id,
    backup: name,
    from: typeof details['from'] === 'string' ? details['from'] : null,
    host,
    method,
    startedAtMs,
    endedAtMs,
    ok,
    error: error ?? null,
    rtoMs: durationOf(details['rtoMs']),
    rpoMs: durationOf(details['rpoMs']),
    checks: Object.entries(details).flatMap(([key, value]) => checkOf(key, String(value))),
  }));
}

function durationOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function checkOf(key: string, value: string): DrillCheck[] {
  if (!key.startsWith(checkPrefix)) return [];
  const name = key.slice(checkPrefix.length);
  const ok = !value.startsWith(failedPrefix);
  return [{ name, ok, detail: ok ? value : value.slice(failedPrefix.length) }];
}

/** A report that backup-verify left on this machine. */
export function drillOfRecord(drill: RecordedDrill): DrillReport {
  const { id, ok, problem, host, startedMs, endedMs, backup, rtoMs, rpoMs, checks } = drill;
  return {
    id,
    backup: backup?.name ?? 'no backup',
    from: backup?.host ?? null,
    host,
    method: 'restore',
    startedAtMs: startedMs,
    endedAtMs: endedMs,
    ok,
    error: problem ?? null,
    rtoMs: rtoMs ?? null,
    rpoMs: rpoMs ?? null,
    checks: checks.map((check) => ({
      name: check.name,
      ok: check.ok,
      detail: (check.ok ? check.value : check.problem) ?? null,
    })),
  };
}
