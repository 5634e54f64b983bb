import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import type { CoverageReport } from '../../model/coverage-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { type Html, html } from '../html/html.ts';
import { type BandKind, bandKinds, type Lane, type MarkKind, markKinds, type Picture } from '../picture/picture.ts';
import { planPicture } from '../picture/plan-picture.ts';
import { patterns, renderPicture, renderSample, renderShape } from '../picture/render-picture.ts';
import { type Zoom, zooms, zoomTitles } from '../picture/zoom.ts';
import { plainMoment } from './moment.ts';
import { clusterPath } from './paths.ts';
import { section } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

const mostRows = 200;

/** What can be restored, in words, as a picture, and as a table of what is in the picture. */
export function coverageSection(cluster: ClusterReport, zoom: Zoom | undefined, view: View): Html {
  const { answers, nowMs, timeZone, report } = view;
  const picture = planPicture({ cluster, machine: report.machine, answers, nowMs, timeZone, zoom });
  return section(
    'coverage',
    'What can be restored',
    html`${inWords(cluster, view)}
${unusableBackups(cluster)}
<nav class="zoom" aria-label="Time shown">${zooms.map(
      (one) =>
        html`<a id="zoom-${one}" href="${clusterPath(cluster.cluster, one)}"${one === picture.zoom ? html` aria-current="true"` : undefined}>${zoomTitles[one]}</a>`,
    )}</nav>
${patterns}
${renderPicture(picture, (lane) => describeLane(lane, picture, timeZone))}
${legend(picture)}
<details id="picture-table"><summary>The picture as a table</summary>
${pictureTable(picture, view)}
</details>`,
  );
}

function inWords({ coverage, wal }: ClusterReport, view: View): Html {
  if (!coverage.known) return html`<p class="answer"><strong>Not known:</strong> ${coverage.reason}</p>`;
  const { ranges, isWhole } = coverage.value;
  if (ranges.length === 0) return html`<p class="answer"><strong>Nothing.</strong> ${wayOut(isWhole)}</p>`;
  const [first, ...rest] = joined(coverage.value).toReversed();
  return html`<p class="answer">Any moment from <strong>${first && plainMoment(first.fromMs, view)}</strong> to <strong>${first && plainMoment(first.toMs, view)}</strong>${first && html` (${formatDuration(first.toMs - first.fromMs)})`}${rest.length > 0 ? html`, and before that ${rest.length === 1 ? 'one more range' : html`${rest.length} more ranges`}` : undefined}.${
    isWhole ? undefined : ' A host did not answer; it may have more.'
  }${holesInWords(wal)}</p>`;
}

/** Backups that look complete and are of no use: nobody should count on them at night. */
function unusableBackups({ coverage }: ClusterReport): Html | undefined {
  if (!coverage.known || coverage.value.unusable.length === 0) return undefined;
  return html`<ul class="unusable">${coverage.value.unusable.map(
    ({ name, hosts, problem }) =>
      html`<li><span class="mono">${name}</span> on ${hosts.join(' and ')} is of no use, because ${problem}</li>`,
  )}</ul>`;
}

function holesInWords({ holes }: ClusterReport['wal']): Html | undefined {
  if (!holes.known) return html` Whether there are holes in the WAL is not known: ${holes.reason}.`;
  const open = holes.value.filter(({ accepted }) => accepted === null);
  if (open.length === 0) return undefined;
  return html` <strong>${open.length === 1 ? 'One hole' : html`${open.length} holes`} in the WAL.</strong>`;
}

function wayOut(isWhole: boolean): string {
  return isWhole
    ? 'There is no complete base backup with its WAL.'
    : 'The hosts that answered have no complete base backup with its WAL.';
}

/** Ranges that overlap or touch, as one: for a person the timeline does not matter here. */
function joined({ ranges }: CoverageReport): { fromMs: number; toMs: number }[] {
  const whole: { fromMs: number; toMs: number }[] = [];
  for (const { fromAtMs, toAtMs } of ranges.toSorted((a, b) => a.fromAtMs - b.fromAtMs)) {
    const before = whole.at(-1);
    if (before === undefined || fromAtMs > before.toMs) whole.push({ fromMs: fromAtMs, toMs: toAtMs });
    else before.toMs = Math.max(before.toMs, toAtMs);
  }
  return whole;
}

function describeLane({ name, note, bands, marks }: Lane, { span }: Picture, timeZone: string): string {
  const when = `from ${formatLocalTime(span.fromMs, timeZone)} to ${formatLocalTime(span.toMs, timeZone)}`;
  const counts = [
    ...Map.groupBy(bands, ({ kind }) => bandWords[kind]),
    ...Map.groupBy(marks, ({ kind }) => markWords[kind]),
  ].map(([what, all]) => `${all.length} × ${what}`);
  return `${name}${note === '' ? '' : `, ${note}`}, ${when}: ${counts.length === 0 ? 'nothing' : counts.join(', ')}`;
}

const bandWords = {
  restorable: 'can be restored',
  wal: 'WAL',
  remembered: 'WAL as last seen',
  single: 'one copy only',
  hole: 'hole',
  accepted: 'accepted hole',
  unknown: 'not known',
} as const;

const markWords = {
  backup: 'backup',
  running: 'backup at work',
  broken: 'backup that cannot be used',
  passed: 'drill passed',
  failed: 'drill failed',
  timeline: 'new timeline',
} as const;

/** Of what is in the picture, and no more. */
function legend({ lanes }: Picture): Html {
  const isBand = (kind: BandKind) => lanes.some(({ bands }) => bands.some((band) => band.kind === kind));
  const isMark = (kind: MarkKind) => lanes.some(({ marks }) => marks.some((mark) => mark.kind === kind));
  const bandKeys = bandKinds.filter(isBand).map((kind) => html`<li>${renderSample(kind)}${bandWords[kind]}</li>`);
  const markKeys = markKinds.filter(isMark).map((kind) => html`<li>${renderShape(kind)}${markWords[kind]}</li>`);
  return html`<ul class="legend" aria-label="Legend">${bandKeys}${markKeys}</ul>`;
}

function pictureTable({ lanes }: Picture, view: View): Html {
  const rows = lanes
    .flatMap(({ name, bands, marks }) => [
      ...bands.map(({ fromMs, toMs, what }) => ({ name, fromMs, toMs, what })),
      ...marks.map(({ atMs, sinceMs, what }) => ({ name, fromMs: sinceMs ?? atMs, toMs: atMs, what })),
    ])
    .toSorted((a, b) => b.toMs - a.toMs);
  const shown = rows.slice(0, mostRows);
  const begin = (atMs: number) => (Number.isFinite(atMs) ? plainMoment(atMs, view) : 'the beginning');
  return html`${table({
    id: 'picture-rows',
    caption: 'What the picture shows, newest first',
    columns: ['what', 'where', 'from', 'to'],
    rows: shown.map(({ name, fromMs, toMs, what }) => [what, name, begin(fromMs), plainMoment(toMs, view)]),
  })}${rows.length > mostRows ? html`<p class="muted">and ${rows.length - mostRows} older ones</p>` : undefined}`;
}
