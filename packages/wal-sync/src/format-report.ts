import { describeAcceptance } from '@archive2/core/archive/accepted-holes.ts';
import type { Hole } from '@archive2/core/wal/holes.ts';
import type { SyncReport, Transfer } from './report.ts';
import { isEqual } from './verdict.ts';

/** The report for people: a line for each thing that needs one, and a last line that sums up. */
export function formatReport(report: SyncReport): string {
  const lines = [
    ...report.damaged.map(({ name, here, there, reason }) => {
      return `damaged   ${name}: here ${here}, on ${report.peer} ${there}: ${reason}`;
    }),
    ...report.conflicts.map(({ name, firstDifferingPage, lsn }) => {
      const where = firstDifferingPage === undefined ? '' : `, differing from page ${firstDifferingPage}`;
      const at = lsn === undefined ? '' : ` (LSN ${lsn})`;
      return `conflict  ${name}: two contents${where}${at}; see "archive_remote_cmd conflict show ${name}"`;
    }),
    ...report.failed.map(({ name, code, message }) => `failed    ${name}: ${message} (${code})`),
    ...report.holes.map(formatHole),
  ];
  return `${[...lines, summary(report)].join('\n')}\n`;
}

/** A hole in one line: from, to, how many, and whether it was accepted. */
export function formatHole({ from, to, count, accepted }: Hole): string {
  const what = count === 1 ? `${from}: 1 segment` : `${from} to ${to}: ${count} segments`;
  return `hole      ${what} missing${accepted === undefined ? '' : `, ${describeAcceptance(accepted)}`}`;
}

function summary(report: SyncReport): string {
  const would = report.dryRun ? 'would have ' : '';
  const open = report.holes.filter(({ accepted }) => accepted === undefined).length;
  const repaired = report.repairedHere.length + report.repairedThere.length;
  const facts = [
    `${would}fetched ${formatTransfer(report.fetched)}`,
    `sent ${formatTransfer(report.sent)}`,
    `repaired ${repaired}`,
    `compared ${report.compared}`,
    `damaged ${report.damaged.length}`,
    `conflicts ${report.conflicts.length}`,
    ...(report.failed.length === 0 ? [] : [`failed ${report.failed.length}`]),
    `holes ${open}`,
    `debts left ${report.debtsLeft}`,
    `${report.seconds.toFixed(1)} s`,
  ];
  const verdict = isEqual(report) ? `equal with ${report.peer}` : `not equal with ${report.peer}`;
  return `${verdict}: ${facts.join(', ')}`;
}

function formatTransfer({ files, bytes }: Transfer): string {
  return files === 0 ? '0' : `${files} (${(bytes / 1024 / 1024).toFixed(1)} MiB)`;
}

/** The report for programs, one line. Fields are added, never renamed or removed, while `format` is 1 (docs/wal-sync.md). */
export function formatReportJson(report: SyncReport): string {
  const { holes, conflicts, ...rest } = report;
  const json = {
    format: 1,
    ...rest,
    equal: isEqual(report),
    conflicts: conflicts.map(({ firstDifferingPage = null, lsn = null, ...conflict }) => {
      return { ...conflict, firstDifferingPage, lsn };
    }),
    holes: holes.map(({ timeline, from, to, count, accepted }) => ({
      timeline,
      from,
      to,
      segments: count,
      accepted:
        accepted === undefined
          ? null
          : { who: accepted.who, why: accepted.why, at: new Date(accepted.atMs).toISOString() },
    })),
  };
  return `${JSON.stringify(json)}\n`;
}
