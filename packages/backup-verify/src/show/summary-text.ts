import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import type { DrillReport } from '@archive2/core/restore/drill/drill-report.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';

/** The report for a person. Pure. */
export function formatSummary(report: DrillReport, path: string | undefined): string {
  const { ok, cluster, host, checks, warnings, evidence, problem } = report;
  const failed = checks.filter((check) => !check.ok);
  const lines = [
    `drill of ${cluster} on ${host}: ${ok ? 'good' : 'FAILED'}`,
    ...backupLines(report),
    ...recoveryLines(report),
    ...timeLines(report),
    ...(checks.length === 0 ? [] : [row('checks', `${checks.length - failed.length} of ${checks.length} passed`)]),
    ...failed.flatMap(({ name, problem, evidence }) => [
      `  failed   ${name}: ${problem}`,
      ...evidence.slice(0, 5).map((line) => `           ${line}`),
    ]),
    ...(problem === undefined || failed.length > 0 ? [] : [row('problem', problem.message)]),
    ...warnings.map((text) => row('warning', text)),
    ...(evidence === undefined
      ? []
      : [row('kept', `${evidence.directory}, until the next drill; server's log ${evidence.log}`)]),
    ...(evidence?.commands ?? []).map((command) => `  $ ${command}`),
    ...(path === undefined ? [] : [row('report', path)]),
  ];
  return `${lines.join('\n')}\n`;
}

function row(name: string, text: string): string {
  return `${name.padEnd(9)}${text}`;
}

function backupLines({ backup }: DrillReport): string[] {
  if (backup === undefined) return [];
  const { name, host, endedMs, storedBytes, contentBytes } = backup;
  const size = contentBytes ?? storedBytes;
  const taken = endedMs === undefined ? '' : `, taken ${second(endedMs)}`;
  return [row('backup', `${name} of ${host}${taken}${size === undefined ? '' : `, ${formatBytes(size)}`}`)];
}

function recoveryLines({ recovery, target, rpoMs }: DrillReport): string[] {
  if (recovery === undefined) return [];
  const { replayedLsn, timeline, replayedMs, segments } = recovery;
  const at = replayedLsn === undefined ? '' : `: ${formatLsn(replayedLsn)} on timeline ${timeline}`;
  const commit = replayedMs === undefined ? '' : `, newest commit ${second(replayedMs)}`;
  const age = rpoMs === undefined ? '' : `, ${formatDuration(rpoMs)} before the drill`;
  return [row('replayed', `to ${target}${at}, ${segments} files${commit}${age}`)];
}

function timeLines({ rtoMs, phases }: DrillReport): string[] {
  if (rtoMs === undefined) return [];
  const parts = [
    ['extract', phases.extract],
    ['replay', phases.replay],
  ] as const;
  const known = parts.flatMap(([name, ms]) => (ms === undefined ? [] : [`${name} ${formatDuration(ms)}`]));
  const checks = phases.checks === undefined ? '' : `; checks ${formatDuration(phases.checks)}`;
  return [row('time', `${formatDuration(rtoMs)} until it could be used (${known.join(', ')})${checks}`)];
}

function second(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19).replace('T', ' ')}+00`;
}
