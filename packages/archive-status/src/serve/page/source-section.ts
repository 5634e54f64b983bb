import type { ClusterReport } from '../../model/status-report.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { answerKey, type Source, sourcesOf } from '../keep/last-answers.ts';
import { relativeMoment } from './moment.ts';
import { section } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

/** What this page rests on: every source, and when it answered last. */
export function sourceSection(cluster: ClusterReport, view: View): Html {
  return section(
    'sources',
    'Where this comes from',
    table({
      id: 'source-rows',
      caption: 'Each source',
      columns: ['source', 'answers', 'last answer'],
      rows: sourcesOf(cluster).map((source) => sourceRow(cluster, source, view)),
    }),
  );
}

function sourceRow({ cluster }: ClusterReport, { name, isUp, reason }: Source, view: View): Piece[] {
  const last = view.answers.get(answerKey(cluster, name));
  return [
    html`<bdi>${name}</bdi>`,
    isUp ? html`<span class="good">yes</span>` : html`<strong class="bad">no</strong>: ${reason}`,
    last === undefined ? html`<span class="muted">none yet</span>` : relativeMoment(last.atMs, view),
  ];
}
