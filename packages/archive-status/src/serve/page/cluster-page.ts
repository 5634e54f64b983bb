import type { ClusterReport } from '../../model/status-report.ts';
import { html } from '../html/html.ts';
import type { Zoom } from '../picture/zoom.ts';
import { agentSection } from './agent-section.ts';
import { badge, levelWords, reasonList } from './badge.ts';
import { keyFigures } from './clusters-page.ts';
import { coverageSection } from './coverage-section.ts';
import { drillSection } from './drill-section.ts';
import { eventSection } from './event-section.ts';
import { hostSection } from './host-section.ts';
import { pageShell } from './page-shell.ts';
import { queueSection } from './queue-section.ts';
import { serverSection } from './server-section.ts';
import { siteFooter } from './site-footer.ts';
import { sourceSection } from './source-section.ts';
import { ageLine, staleBanner } from './summary-bar.ts';
import type { View } from './view.ts';

/** One cluster: how it is and why, what can be restored, and all that this rests on. */
export function clusterPage(cluster: ClusterReport, zoom: Zoom | undefined, view: View): string {
  const { level, reasons } = view.verdictOf(cluster);
  const main = html`<header class="site">
<nav aria-label="Up"><a id="up" href="/">All clusters</a></nav>
<h1><bdi>${cluster.cluster}</bdi> ${badge(level)}</h1>
${ageLine(view)}
</header>
${staleBanner(view)}
${reasonList(reasons)}
${keyFigures(cluster, view)}
${coverageSection(cluster, zoom, view)}
${hostSection(cluster, view)}
${serverSection(cluster, view)}
${queueSection(cluster, view)}
${drillSection(cluster, view)}
${agentSection(cluster, view)}
${eventSection(cluster, view)}
${sourceSection(cluster, view)}
${siteFooter(view)}`;
  const title = `${levelWords[level]}: ${cluster.cluster} · Archive status`;
  return pageShell({ title, level, main, gatheredAtMs: view.report.generatedAtMs });
}
