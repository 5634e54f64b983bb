import { escapeControls } from '../../base/log.ts';
import type { WalPlace } from '../../wal/backup-label.ts';
import { formatLsn } from '../../wal/lsn.ts';
import type { DrilledBackup, DrilledRecovery, DrillReport } from './drill-report.ts';

/** The version of the JSON: it grows when a field changes its meaning or goes; new fields do not change it. */
export const drillFormat = 1;

/** The report as docs/backup-verify.md has it: times as text in UTC, durations in milliseconds, what is not known as null. */
export function drillToJson(report: DrillReport): Record<string, unknown> {
  const { problem, backup, recovery, phases, evidence } = report;
  return {
    format: drillFormat,
    id: report.id,
    ok: report.ok,
    problem:
      problem === undefined ? null : { code: problem.code, message: problem.message, hint: problem.hint ?? null },
    cluster: report.cluster,
    host: report.host,
    program: report.program,
    startedAt: moment(report.startedMs),
    endedAt: moment(report.endedMs),
    archives: report.archives.map(({ name, problem }) => ({ name, problem: problem ?? null })),
    backup: backup === undefined ? null : backupToJson(backup),
    target: report.target,
    recovery: recovery === undefined ? null : recoveryToJson(recovery),
    rtoMs: whole(report.rtoMs),
    rpoMs: whole(report.rpoMs),
    phasesMs: { extract: whole(phases.extract), replay: whole(phases.replay), checks: whole(phases.checks) },
    databases: report.databases.map(({ name, sizeBytes, tables }) => ({ name, sizeBytes, tables })),
    checks: report.checks.map(({ name, ok, value, problem, elapsedMs, evidence }) => ({
      name,
      ok,
      value: value ?? null,
      problem: problem ?? null,
      elapsedMs: Math.round(elapsedMs),
      evidence: evidence.map(escapeControls),
    })),
    warnings: report.warnings,
    evidence:
      evidence === undefined ? null : { directory: evidence.directory, log: evidence.log, commands: evidence.commands },
  };
}

function backupToJson(backup: DrilledBackup): Record<string, unknown> {
  return {
    host: backup.host,
    name: backup.name,
    manifestSha256: backup.manifestSha256 ?? null,
    start: place(backup.start),
    stop: place(backup.stop),
    startedAt: moment(backup.startedMs),
    endedAt: moment(backup.endedMs),
    storedBytes: backup.storedBytes ?? null,
    contentBytes: backup.contentBytes ?? null,
    serverVersion: backup.serverVersion ?? null,
    systemIdentifier: backup.systemIdentifier,
  };
}

function recoveryToJson(recovery: DrilledRecovery): Record<string, unknown> {
  const { timeline, lastSegment, expectedSegment, segments, replayedLsn, replayedMs } = recovery;
  return {
    timeline,
    lastSegment: lastSegment ?? null,
    expectedSegment: expectedSegment ?? null,
    segments,
    replayedLsn: replayedLsn === undefined ? null : formatLsn(replayedLsn),
    newestCommitAt: moment(replayedMs),
  };
}

function moment(ms: number | undefined): string | null {
  return ms === undefined || ms <= 0 ? null : new Date(ms).toISOString();
}

function whole(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms);
}

function place({ timeline, lsn }: WalPlace): { timeline: number; lsn: string } {
  return { timeline, lsn: formatLsn(lsn) };
}
