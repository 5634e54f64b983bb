import type { HostReport } from '../../model/host-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { hostLabels } from '../host-label.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { answerKey, type LastAnswer } from '../keep/last-answers.ts';
import { cell, unknownCell } from './cell.ts';
import { hostRows } from './host-rows.ts';
import { relativeMoment } from './moment.ts';
import { section } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

/** The archive hosts, a column each. */
export function hostSection(cluster: ClusterReport, view: View): Html {
  const labels = hostLabels(cluster, view.report.machine);
  const { hosts } = cluster;
  const row = (title: string, show: (host: HostReport) => Piece): Piece[] => [title, ...hosts.map(show)];
  const lastOf = ({ name }: HostReport) => view.answers.get(answerKey(cluster.cluster, `host ${name}`));
  return section(
    'hosts',
    'Archive hosts',
    table({
      id: 'host-rows',
      caption: 'Each archive host',
      columns: ['', ...hosts.map(({ name }) => labels.get(name) ?? name)],
      rows: [
        row('answers', (host) => answers(host, lastOf(host), view)),
        row('only copy here', (host) => singleCopies(cluster, host)),
        ...hostRows.map(({ title, show }) =>
          row(title, (host) => {
            const now = show(host, view);
            if (now.known) return now.value;
            // What it said when it answered stands beside, and in no way as if it were so now.
            const before = lastOf(host)?.host;
            const then = before === undefined ? undefined : show(before, view);
            return then?.known
              ? html`${unknownCell(now.reason)} <span class="was">was: ${then.value}</span>`
              : unknownCell(now.reason);
          }),
        ),
      ],
    }),
  );
}

function answers({ answerMs, program }: HostReport, last: LastAnswer | undefined, view: View): Html {
  if (answerMs.known) {
    const release = program.known ? html`, <span class="muted">${program.value}</span>` : undefined;
    return html`<span class="good">yes</span>, in ${Math.round(answerMs.value)} ms${release}`;
  }
  const since = last === undefined ? 'not since this began to ask' : html`last ${relativeMoment(last.atMs, view)}`;
  return html`<strong class="bad">no</strong>: ${answerMs.reason} <span class="muted">(${since})</span>`;
}

function singleCopies({ wal, hosts }: ClusterReport, { name }: HostReport): Html {
  if (hosts.length < 2) return html`<span class="muted">there is one host</span>`;
  return cell(wal.singleCopies, (all) => {
    const count = all.filter(({ host }) => host === name).reduce((sum, band) => sum + band.count, 0);
    if (count === 0) return html`<span class="muted">nothing</span>`;
    return html`<strong>${count} ${count === 1 ? 'segment' : 'segments'}</strong>`;
  });
}
