import type { PlaceAnswer } from '@archive2/core/backups/archive-place.ts';
import type { CoverageWindow } from '@archive2/core/backups/coverage.ts';
import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatRelative } from '@archive2/core/cli/relative-time.ts';
import { type Cell, formatTable } from '@archive2/core/cli/table.ts';
import type { Layout } from '@archive2/core/cli/terminal.ts';
import { listRestorable, type Restorable, windowsOf } from '../plan/list-restorable.ts';
import { formatMoment, formatMomentAndAge } from '../plan/moment-text.ts';
import { splitAnswers } from '../plan/restore-plan.ts';

/** The backups of both hosts, and what can be restored, for a person. Pure. */
export function formatTimeline(answers: readonly PlaceAnswer[], nowMs: number, layout: Layout): string {
  const { hosts, silent } = splitAnswers(answers);
  const together = listRestorable(hosts);
  const backups =
    together.length === 0
      ? 'No complete base backup.\n'
      : formatTable(backupColumns, backupRows(together, nowMs), layout);
  const lines: (readonly [string, string])[] = hosts.map((host) => [
    host.place.name,
    formatWindows(windowsOf([host]), nowMs),
  ]);
  for (const { place, problem } of silent) lines.push([place.name, `does not answer: ${problem.message}`]);
  if (answers.length > 1) {
    const whole = silent.length === 0 ? '' : ' (what is known)';
    lines.push(['together', `${formatWindows(windowsOf(hosts), nowMs)}${whole}`]);
  }
  const width = Math.max(...lines.map(([name]) => name.length));
  const coverage = lines.map(([name, text]) => `  ${name.padEnd(width)}  ${text}\n`).join('');
  return `${backups}\nCan be restored:\n${coverage}`;
}

const backupColumns = [
  { title: 'BACKUP' },
  { title: 'HOST' },
  { title: 'ENDED' },
  { title: 'AGE', dispensable: 1 },
  { title: 'DATA', align: 'right' },
  { title: 'STORED', align: 'right', dispensable: 2 },
  { title: 'TIMELINE', align: 'right', dispensable: 3 },
  { title: 'CAN BE RESTORED TO' },
] as const;

function backupRows(restorable: readonly Restorable[], nowMs: number): Cell[][] {
  return restorable.map(({ candidate: { place, backup }, reach, leadsToNewest }) => [
    backup.name,
    place.name,
    backup.endedMs === undefined ? '-' : formatMoment(backup.endedMs),
    backup.endedMs === undefined ? '-' : formatRelative(backup.endedMs, nowMs),
    sizeText(backup.sourceBytes),
    sizeText(backup.sizeBytes),
    String(backup.stop.timeline),
    reachCell({ reach, leadsToNewest }, nowMs),
  ]);
}

function reachCell({ reach, leadsToNewest }: Pick<Restorable, 'reach' | 'leadsToNewest'>, nowMs: number): Cell {
  if (reach.last === undefined || reach.endMs === undefined) {
    return { text: 'its own end only: no WAL follows', tone: 'warning' };
  }
  const end = formatMomentAndAge(reach.endMs, nowMs);
  if (reach.missing !== undefined) return { text: `${end}, then a hole`, tone: 'bad' };
  return leadsToNewest ? end : { text: `${end}, on timeline ${reach.timeline} only`, tone: 'faint' };
}

function sizeText(bytes: number | undefined): string {
  return bytes === undefined ? '-' : formatBytes(bytes);
}

/** "from 2026-11-01 03:11:00+00 to 14 s ago, hole between 2026-11-03 02:00:00+00 and 2026-11-03 04:10:00+00". Pure. */
export function formatWindows(windows: readonly CoverageWindow[], nowMs: number): string {
  const [first] = windows;
  const last = windows.at(-1);
  if (first === undefined || last === undefined) return 'nothing';
  const holes = windows
    .slice(1)
    .map(
      (window, index) => `, hole between ${formatMoment(windows[index]?.toMs ?? 0)} and ${formatMoment(window.fromMs)}`,
    );
  return `from ${formatMoment(first.fromMs)} to ${formatMomentAndAge(last.toMs, nowMs)}${holes.join('')}`;
}
