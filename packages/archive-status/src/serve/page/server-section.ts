import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import { isServer } from '../../check/rules/server-rules.ts';
import type { ArchiverReport, RoleReport, ServerReport } from '../../model/server-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { cell, optionalCell, unknownCell } from './cell.ts';
import { relativeMoment } from './moment.ts';
import { emptyPart, section } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

/** The database servers, a row each, and which of them is the primary. */
export function serverSection({ servers, role }: ClusterReport, view: View): Html {
  if (servers.length === 0) return section('servers', 'Database servers', emptyPart('None is configured.'));
  return section(
    'servers',
    'Database servers',
    html`${roleText(role, view)}
${table({
  id: 'server-rows',
  caption: 'Each database server',
  columns: ['server', 'role', 'timeline', 'WAL at', 'archiver', 'waits to be archived', 'pg_wal'],
  rows: servers.map((server) => serverRow(server, view)),
})}`,
  );
}

function roleText({ primaries, expectedPrimary, timelineSinceAtMs, patroni }: RoleReport, view: View): Html {
  const primary = cell(primaries, (names) => {
    if (names.length === 0) return html`<strong class="bad">None of the servers is a primary.</strong>`;
    if (names.length > 1) return html`<strong class="bad">More than one primary: ${names.join(', ')}.</strong>`;
    if (expectedPrimary !== null && !isServer(names[0] ?? '', expectedPrimary)) {
      return html`<strong class="bad">The primary is ${names[0]}, expected is ${expectedPrimary}.</strong>`;
    }
    return html`The primary is <strong>${names[0]}</strong>.`;
  });
  const whole = primaries.known
    ? primary
    : html`Which server is the primary is ${unknownCell(primaries.reason)}: ${primaries.reason}.`;
  const since =
    timelineSinceAtMs.known && timelineSinceAtMs.value !== null
      ? html` Its timeline began ${relativeMoment(timelineSinceAtMs.value, view)}.`
      : undefined;
  const cluster =
    patroni === null
      ? undefined
      : patroni.known
        ? html` Patroni: ${patroni.value.leader === null ? html`<strong class="bad">no leader</strong>` : html`leader <bdi>${patroni.value.leader}</bdi>`}${patroni.value.isPaused ? ', paused' : undefined}.`
        : html` Patroni does not say: ${patroni.reason}.`;
  return html`<p>${whole}${since}${cluster}</p>`;
}

function serverRow(server: ServerReport, view: View): Piece[] {
  if (!server.role.known) {
    return [
      server.name,
      html`<strong class="bad">does not answer</strong>: ${server.role.reason}`,
      ...Array.from({ length: 5 }, () => unknownCell('it does not answer')),
    ];
  }
  return [
    html`<bdi>${server.name}</bdi>`,
    cell(server.role, (role) => role),
    cell(server.timeline, String),
    optionalCell(server.lsn, 'nowhere', (lsn) => html`<span class="mono">${lsn}</span>`),
    server.role.value === 'standby'
      ? html`<span class="muted">a standby</span>`
      : cell(server.archiver, (archiver) => archiverText(archiver, view)),
    cell(server.ready, ({ count, oldestAtMs }) =>
      count === 0
        ? 'nothing'
        : html`<strong>${count} ${count === 1 ? 'file' : 'files'}</strong>${oldestAtMs === null ? undefined : html` for ${formatSpan(view.nowMs - oldestAtMs)}`}`,
    ),
    html`${cell(server.walDirectory, ({ bytes }) => formatBytes(bytes))}${server.walFullAtMs.known && server.walFullAtMs.value !== null ? html`<br><strong>full ${relativeMoment(server.walFullAtMs.value, view)}</strong>` : undefined}`,
  ];
}

function archiverText(
  { mode, lastArchivedAtMs, lastFailedAtMs, lastFailedWal, failedCount }: ArchiverReport,
  view: View,
): Html {
  if (mode === 'off') return html`<strong class="bad">off</strong>`;
  const last = lastArchivedAtMs === null ? html`nothing yet` : html`last ${relativeMoment(lastArchivedAtMs, view)}`;
  const isFailing = lastFailedAtMs !== null && lastFailedAtMs > (lastArchivedAtMs ?? 0);
  if (isFailing)
    return html`<strong class="bad">failing</strong> since ${relativeMoment(lastFailedAtMs, view)} at <span class="mono">${lastFailedWal ?? ''}</span><br>${last}`;
  return html`${last}${failedCount > 0 ? html`<br><span class="muted">${failedCount} failures before</span>` : undefined}`;
}
