import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration, formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { DiskReport, HostReport } from '../../model/host-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { isUsable } from '../backup-facts.ts';
import { hostLabels } from '../host-label.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { answerKey } from '../keep/last-answers.ts';
import { cell, optionalCell } from './cell.ts';
import { meter } from './meter.ts';
import { relativeMoment } from './moment.ts';
import { section } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

/** The archive hosts, a column each. */
export function hostSection(cluster: ClusterReport, view: View): Html {
  const labels = hostLabels(cluster, view.report.machine);
  const rows: readonly (readonly [string, (host: HostReport) => Piece])[] = [
    ['answers', (host) => answers(cluster, host, view)],
    [
      'newest segment',
      ({ newest }) =>
        optionalCell(
          newest,
          'none',
          (segment) => html`<span class="mono">${segment.name}</span><br>${relativeMoment(segment.writtenAtMs, view)}`,
        ),
    ],
    [
      'behind the primary',
      ({ lag }) =>
        cell(lag, ({ bytes, segments }) =>
          bytes === 0 ? 'nothing' : `${formatBytes(bytes)}, ${counted(segments, 'segment')}`,
        ),
    ],
    ['only copy here', (host) => singleCopies(cluster, host)],
    ['owes its peer', ({ debts }) => cell(debts, ({ count, oldestAtMs }) => debtText(count, oldestAtMs, view))],
    [
      'backups',
      ({ backups, lastBackup }) =>
        html`${cell(backups, (all) => counted(all.filter(isUsable).length, 'complete one'))}, ${optionalCell(lastBackup, 'none', (last) => html`last ${momentOf(last.endedAtMs ?? last.startedAtMs, view)}`)}`,
    ],
    [
      'disk',
      ({ disk, diskFullAtMs }) =>
        html`${cell(disk, diskText)}${diskFullAtMs.known && diskFullAtMs.value !== null ? html`<br><strong>full ${relativeMoment(diskFullAtMs.value, view)}</strong>` : undefined}`,
    ],
    [
      'cooldown',
      ({ cooldown }) =>
        optionalCell(
          cooldown,
          'no',
          ({ untilAtMs, failure }) =>
            html`<strong>until ${relativeMoment(untilAtMs, view)}</strong>${failure === null ? undefined : html`<br>${failure}`}`,
        ),
    ],
    [
      'set aside as conflicts',
      ({ quarantined }) =>
        cell(quarantined, (count) => (count === 0 ? 'nothing' : html`<strong>${counted(count, 'file')}</strong>`)),
    ],
    [
      'last wal-sync',
      ({ lastSync }) =>
        optionalCell(
          lastSync,
          'never',
          ({ endedAtMs, isEqual }) =>
            html`${relativeMoment(endedAtMs, view)}, ${isEqual ? 'equal' : html`<strong>not equal</strong>`}`,
        ),
    ],
    [
      'last wal-cleanup',
      ({ lastCleanupAtMs }) => optionalCell(lastCleanupAtMs, 'never', (atMs) => relativeMoment(atMs, view)),
    ],
    ['its clock', ({ clockOffsetMs }) => cell(clockOffsetMs, clockText)],
    [
      'cannot read',
      ({ problems }) =>
        cell(problems, (all) =>
          all.length === 0
            ? html`<span class="muted">nothing</span>`
            : html`<ul>${all.map(({ what, reason }) => html`<li><strong>${what}</strong>: ${reason}</li>`)}</ul>`,
        ),
    ],
  ];
  return section(
    'hosts',
    'Archive hosts',
    table({
      id: 'host-rows',
      caption: 'Each archive host',
      columns: ['', ...cluster.hosts.map(({ name }) => labels.get(name) ?? name)],
      rows: rows.map(([name, show]) => [name, ...cluster.hosts.map(show)]),
    }),
  );
}

function answers(cluster: ClusterReport, host: HostReport, view: View): Html {
  if (host.answerMs.known) {
    const { known, ...program } = host.program;
    return html`<span class="good">yes</span>, in ${Math.round(host.answerMs.value)} ms${known && 'value' in program ? html` <span class="muted">${program.value}</span>` : undefined}`;
  }
  const last = view.answers.get(answerKey(cluster.cluster, `host ${host.name}`));
  const since = last === undefined ? 'not since archive-status began' : html`last ${relativeMoment(last.atMs, view)}`;
  return html`<strong class="bad">no</strong>: ${host.answerMs.reason}<br><span class="muted">${since}</span>`;
}

function singleCopies({ wal, hosts }: ClusterReport, { name }: HostReport): Html {
  if (hosts.length < 2) return html`<span class="muted">there is one host</span>`;
  return cell(wal.singleCopies, (all) => {
    const count = all.filter(({ host }) => host === name).reduce((sum, band) => sum + band.count, 0);
    return count === 0 ? 'nothing' : html`<strong>${counted(count, 'segment')}</strong>`;
  });
}

function debtText(count: number, oldestAtMs: number | null, view: View): Piece {
  if (count === 0) return 'nothing';
  return html`<strong>${counted(count, 'file')}</strong>${oldestAtMs === null ? undefined : html`, the oldest since ${formatSpan(view.nowMs - oldestAtMs)}`}`;
}

function diskText({ freeBytes, totalBytes }: DiskReport): Html {
  const used = totalBytes === 0 ? 0 : 1 - freeBytes / totalBytes;
  return html`${meter(used, `${Math.round(used * 100)} % of the disk is used`)} ${Math.round(used * 100)} %, ${formatBytes(freeBytes)} free`;
}

function clockText(offsetMs: number): string {
  if (Math.abs(offsetMs) < 1000) return 'as here';
  return `${formatDuration(Math.abs(offsetMs))} ${offsetMs > 0 ? 'ahead' : 'behind'}`;
}

function momentOf(atMs: number | null, view: View): Piece {
  return atMs === null ? 'at an unknown time' : relativeMoment(atMs, view);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
