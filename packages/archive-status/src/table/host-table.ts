import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import { type Cell, type Column, formatTable } from '@archive2/core/cli/table.ts';
import type { Layout } from '@archive2/core/cli/terminal.ts';
import { backupAtMs } from '../derive/host-report.ts';
import type { HostReport } from '../model/host-report.ts';
import type { Known } from '../model/known.ts';

const columns: readonly Column[] = [
  { title: 'ARCHIVE HOST', atLeast: 12 },
  { title: 'NEWEST SEGMENT', atLeast: 24, dispensable: 1 },
  { title: 'AGE', align: 'right' },
  { title: 'LACKS', align: 'right' },
  { title: 'OWES', align: 'right' },
  { title: 'DISK', align: 'right' },
  { title: 'LAST BACKUP', atLeast: 13, dispensable: 2 },
  { title: 'AGE', align: 'right' },
];

/** The archive hosts of a cluster; what is not known is a question mark, and why stands below the table. */
export function hostTable(hosts: readonly HostReport[], nowMs: number, layout: Layout): string {
  return formatTable(
    columns,
    hosts.map((host) => rowOf(host, nowMs)),
    layout,
  );
}

const question: Cell = { text: '?', tone: 'warning' };
const none: Cell = { text: '-', tone: 'faint' };

function rowOf(host: HostReport, nowMs: number): Cell[] {
  const { newest, lag, debts, disk, lastBackup, cooldown } = host;
  const isCooling = cooldown.known && cooldown.value !== null;
  return [
    host.answerMs.known
      ? isCooling
        ? { text: `${host.name} (cooldown)`, tone: 'warning' }
        : host.name
      : { text: host.name, tone: 'bad' },
    cellOf(newest, (segment) => segment?.name ?? none),
    cellOf(newest, (segment) => (segment === null ? none : ageText(segment.writtenAtMs, nowMs))),
    cellOf(lag, ({ segments }) => (segments === 0 ? '0' : { text: String(segments), tone: 'warning' })),
    cellOf(debts, ({ count }) => (count === 0 ? '0' : { text: String(count), tone: 'warning' })),
    cellOf(disk, ({ freeBytes, totalBytes }) => `${Math.floor(100 * (1 - freeBytes / Math.max(1, totalBytes)))} %`),
    cellOf(lastBackup, (backup) => backup?.name ?? { text: 'none', tone: 'bad' }),
    cellOf(lastBackup, (backup) => (backup === null ? none : ageText(backupAtMs(backup), nowMs))),
  ];
}

function cellOf<T>(cell: Known<T>, show: (value: T) => Cell): Cell {
  return cell.known ? show(cell.value) : question;
}

/** By clocks of different machines: what seems to lie ahead is now. */
export function ageText(atMs: number, nowMs: number): string {
  return formatSpan(Math.max(0, nowMs - atMs));
}
