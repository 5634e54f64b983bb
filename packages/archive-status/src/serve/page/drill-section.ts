import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import type { DrillReport } from '../../model/backup-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { sign } from './badge.ts';
import { relativeMoment } from './moment.ts';
import { emptyPart, section, unknownPart } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

const title = 'Restore drills';
const mostDrills = 10;

export function drillSection({ drills }: ClusterReport, view: View): Html {
  if (!drills.known) return section('drills', title, unknownPart(drills.reason));
  if (drills.value.length === 0) {
    return section('drills', title, emptyPart('None yet: no backup of this cluster has been proved to restore.'));
  }
  return section(
    'drills',
    title,
    table({
      id: 'drill-rows',
      caption: 'Restore drills, newest first',
      columns: ['result', 'backup', 'on', 'when', 'RTO', 'RPO', 'checks'],
      rows: drills.value.slice(0, mostDrills).map((drill) => drillRow(drill, view)),
    }),
  );
}

function drillRow(
  { ok, error, backup, method, host, endedAtMs, rtoMs, rpoMs, checks }: DrillReport,
  view: View,
): Piece[] {
  const failed = checks.filter((check) => !check.ok);
  return [
    ok
      ? html`<span class="nowrap">${sign('ok')} passed</span>`
      : html`<strong class="bad nowrap">${sign('critical')} failed</strong>${error === null ? undefined : html`<br>${error}`}`,
    html`<span class="mono">${backup}</span> <span class="muted">${method}</span>`,
    html`<bdi>${host}</bdi>`,
    relativeMoment(endedAtMs, view),
    rtoMs === null ? html`<span class="muted">not measured</span>` : formatDuration(rtoMs),
    rpoMs === null ? html`<span class="muted">not measured</span>` : formatDuration(rpoMs),
    checks.length === 0
      ? html`<span class="muted">none</span>`
      : html`${checks.length - failed.length} of ${checks.length} passed${failed.length === 0 ? undefined : html`<ul>${failed.map(({ name, detail }) => html`<li><strong>${name}</strong>${detail === null ? undefined : html`: ${detail}`}</li>`)}</ul>`}`,
  ];
}
