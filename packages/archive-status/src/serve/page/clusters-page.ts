import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import { byLevel, worstLevel } from '../../check/level.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { type Html, html } from '../html/html.ts';
import type { Verdict } from '../judge.ts';
import { planPicture } from '../picture/plan-picture.ts';
import { patterns, renderStrip } from '../picture/render-picture.ts';
import { zoomTitles } from '../picture/zoom.ts';
import { badge, levelWords, reasonList, sign } from './badge.ts';
import { cell, optionalCell } from './cell.ts';
import { relativeMoment } from './moment.ts';
import { pageShell } from './page-shell.ts';
import { clusterPath } from './paths.ts';
import { siteFooter } from './site-footer.ts';
import { ageLine, staleBanner } from './summary-bar.ts';
import type { View } from './view.ts';

interface Entry {
  readonly cluster: ClusterReport;
  readonly verdict: Verdict;
}

const mostReasons = 4;

/** All clusters, worst first. */
export function clustersPage(view: View): string {
  const entries = view.report.clusters
    .map((cluster): Entry => ({ cluster, verdict: view.verdictOf(cluster) }))
    .toSorted((a, b) => byLevel(a.verdict, b.verdict) || (a.cluster.cluster < b.cluster.cluster ? -1 : 1));
  const worst = worstLevel(entries.map(({ verdict }) => verdict.level));
  const main = html`<header class="site">
<h1>Archive status</h1>
<p class="tally">${[...Map.groupBy(entries, ({ verdict }) => verdict.level)].map(([level, { length: count }]) => html`<span class="${level}">${sign(level)}${count} ${levelWords[level]}</span>`)}</p>
${ageLine(view)}
</header>
${staleBanner(view)}
${patterns}
<nav aria-label="Clusters">
<ul class="clusters">${entries.map((entry) => clusterCard(entry, view))}</ul>
</nav>
${siteFooter(view)}`;
  return pageShell({ title: titleOf(worst, entries), level: worst, main, gatheredAtMs: view.report.generatedAtMs });
}

function titleOf(worst: Verdict['level'], entries: readonly Entry[]): string {
  const names = entries.filter(({ verdict }) => verdict.level === worst).map(({ cluster }) => cluster.cluster);
  const which = worst === 'ok' ? '' : `: ${names.slice(0, 3).join(', ')}${names.length > 3 ? ' and more' : ''}`;
  return `${levelWords[worst]}${which} · Archive status`;
}

function clusterCard({ cluster, verdict }: Entry, view: View): Html {
  const { level, reasons } = verdict;
  const hidden = reasons.length - mostReasons;
  return html`<li class="cluster ${level}">
<h2><a id="cluster-${encodeURIComponent(cluster.cluster)}" href="${clusterPath(cluster.cluster)}"><bdi>${cluster.cluster}</bdi></a> ${badge(level)}</h2>
${reasonList(reasons.slice(0, mostReasons))}
${hidden > 0 ? html`<p class="muted">and ${hidden} more</p>` : undefined}
${keyFigures(cluster, view)}
${strip(cluster, view)}
</li>`;
}

/** What is asked for first, on one line where there is room. */
export function keyFigures(cluster: ClusterReport, view: View): Html {
  const { wal, newestBackup, coverage, drills, hosts } = cluster;
  const up = hosts.filter(({ answerMs }) => answerMs.known).length;
  const figures: readonly (readonly [string, Html])[] = [
    ['newest WAL', optionalCell(wal.newest, 'none', ({ writtenAtMs }) => relativeMoment(writtenAtMs, view))],
    ['not archived yet', cell(wal.lag, ({ bytes }) => formatBytes(bytes))],
    [
      'last backup',
      optionalCell(newestBackup, 'none', (last) => momentOrNot(last.endedAtMs ?? last.startedAtMs, view)),
    ],
    [
      'restorable',
      cell(coverage, ({ ranges, totalMs, isWhole }) =>
        ranges.length === 0 ? html`<strong>nothing</strong>` : `${isWhole ? '' : 'at least '}${formatSpan(totalMs)}`,
      ),
    ],
    [
      'last drill',
      cell(drills, ([last]) =>
        last === undefined
          ? html`<span class="muted">none</span>`
          : html`${relativeMoment(last.endedAtMs, view)}${last.ok ? '' : html` <strong>failed</strong>`}`,
      ),
    ],
    ['hosts', html`${up} of ${hosts.length} answer`],
  ];
  return html`<dl class="figures">${figures.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function momentOrNot(atMs: number | null, view: View): Html {
  return atMs === null ? html`<span class="muted">at an unknown time</span>` : relativeMoment(atMs, view);
}

/** The last days of what can be restored, as the cluster's own page shows them. */
function strip(cluster: ClusterReport, { answers, nowMs, timeZone, report }: View): Html | undefined {
  const picture = planPicture({ cluster, machine: report.machine, answers, nowMs, timeZone, zoom: '7d' });
  const [lane] = picture.lanes;
  return lane && renderStrip(picture, lane, `${lane.name} in the last ${zoomTitles['7d']}: ${lane.note}`);
}
