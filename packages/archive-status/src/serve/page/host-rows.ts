import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration, formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { BackupReport } from '../../model/backup-report.ts';
import type { DebtsReport, DiskReport, HostReport } from '../../model/host-report.ts';
import { type Known, mapKnown, thenKnown } from '../../model/known.ts';
import type { LagReport } from '../../model/wal-report.ts';
import { isUsable } from '../backup-facts.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { meter } from './meter.ts';
import { relativeMoment } from './moment.ts';
import type { View } from './view.ts';

/** One fact about an archive host: what it says, for people. */
interface HostRow {
  readonly title: string;
  readonly show: (host: HostReport, view: View) => Known<Piece>;
}

/** All that an archive host says of itself and the page shows, in the order of how soon it matters. */
export const hostRows: readonly HostRow[] = [
  {
    title: 'newest segment',
    show: ({ newest }, view) =>
      mapKnown(newest, (segment) =>
        segment === null
          ? none('none')
          : html`<span class="mono">${segment.name}</span> ${relativeMoment(segment.writtenAtMs, view)}`,
      ),
  },
  { title: 'behind the primary', show: ({ lag }) => mapKnown(lag, lagText) },
  { title: 'owes its peer', show: ({ debts }, view) => mapKnown(debts, (owed) => debtText(owed, view)) },
  {
    title: 'backups',
    show: ({ backups, lastBackup }, view) =>
      thenKnown(backups, (all) => mapKnown(lastBackup, (last) => backupText(all, last, view))),
  },
  {
    title: 'disk',
    show: ({ disk, diskFullAtMs }, view) =>
      mapKnown(disk, (facts) => diskText(facts, diskFullAtMs.known ? diskFullAtMs.value : null, view)),
  },
  {
    title: 'cooldown',
    show: ({ cooldown }, view) =>
      mapKnown(cooldown, (cooling) =>
        cooling === null
          ? none('no')
          : html`<strong>ends ${relativeMoment(cooling.untilAtMs, view)}</strong> ${cooling.failure ?? ''}`,
      ),
  },
  {
    title: 'conflicts set aside',
    show: ({ quarantined }) =>
      mapKnown(quarantined, (count) => (count === 0 ? none('none') : html`<strong>${counted(count, 'file')}</strong>`)),
  },
  {
    title: 'last wal-sync',
    show: ({ lastSync }, view) =>
      mapKnown(lastSync, (last) =>
        last === null
          ? none('never')
          : html`${relativeMoment(last.endedAtMs, view)}, ${last.isEqual ? 'equal' : html`<strong>not equal</strong>`}`,
      ),
  },
  {
    title: 'last wal-cleanup',
    show: ({ lastCleanupAtMs }, view) =>
      mapKnown(lastCleanupAtMs, (atMs) => (atMs === null ? none('never') : relativeMoment(atMs, view))),
  },
  { title: 'its clock', show: ({ clockOffsetMs }) => mapKnown(clockOffsetMs, clockText) },
  {
    title: 'cannot read',
    show: ({ problems }) =>
      mapKnown(problems, (all) =>
        all.length === 0
          ? none('nothing')
          : html`<ul>${all.map(({ what, reason }) => html`<li><strong>${what}</strong>: ${reason}</li>`)}</ul>`,
      ),
  },
];

function lagText({ bytes, segments }: LagReport): Piece {
  if (bytes === 0) return none('nothing');
  return segments === 0
    ? formatBytes(bytes)
    : html`<strong>${counted(segments, 'segment')}</strong>, ${formatBytes(bytes)}`;
}

function debtText({ count, oldestAtMs }: DebtsReport, view: View): Piece {
  if (count === 0) return none('nothing');
  const since = oldestAtMs === null ? undefined : html`, the oldest for ${formatSpan(view.nowMs - oldestAtMs)}`;
  return html`<strong>${counted(count, 'file')}</strong>${since}`;
}

function backupText(all: readonly BackupReport[], last: BackupReport | null, view: View): Html {
  const usable = all.filter(isUsable).length;
  const broken = all.filter((backup) => backup.state !== 'partial' && !isUsable(backup)).length;
  const endedAtMs = last?.endedAtMs ?? last?.startedAtMs ?? null;
  return html`${usable === 0 ? html`<strong class="bad">none that can be used</strong>` : html`${usable} complete`}${
    endedAtMs === null ? undefined : html`, last ${relativeMoment(endedAtMs, view)}`
  }${broken === 0 ? undefined : html`; <strong>${broken} cannot be used</strong>`}`;
}

function diskText({ freeBytes, totalBytes }: DiskReport, fullAtMs: number | null, view: View): Html {
  const used = totalBytes === 0 ? 0 : 1 - freeBytes / totalBytes;
  const text = `${Math.round(used * 100)} %`;
  return html`${meter(used, `${text} of the disk is used`)} ${text}, ${formatBytes(freeBytes)} free${
    fullAtMs === null ? undefined : html`, full ${relativeMoment(fullAtMs, view)}`
  }`;
}

function clockText(offsetMs: number): Piece {
  if (Math.abs(offsetMs) < 1000) return none('as here');
  return html`<strong>${formatDuration(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead' : 'behind'}</strong>`;
}

function none(text: string): Html {
  return html`<span class="muted">${text}</span>`;
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
