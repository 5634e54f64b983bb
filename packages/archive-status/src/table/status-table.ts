import { escapeControls } from '@archive2/core/base/log.ts';
import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { paint, type Tone } from '@archive2/core/cli/table.ts';
import type { Layout } from '@archive2/core/cli/terminal.ts';
import type { Finding, Verdict } from '../check/judge-cluster.ts';
import { byLevel, type Level } from '../check/level.ts';
import type { ClusterReport, StatusReport } from '../model/status-report.ts';
import { factsOf } from './fact-lines.ts';
import { hostTable } from './host-table.ts';
import { wrapped } from './wrapped.ts';

const tones: Readonly<Record<Level, Tone>> = { ok: 'good', warning: 'warning', critical: 'bad', unknown: 'warning' };
const widest = 100;
const labelWidth = 12;
const gap = '  ';

/** All clusters for a person, the worst first; verdicts in the order of the report's clusters. Ends with a newline. Pure. */
export function statusTable(
  report: StatusReport,
  verdicts: readonly Verdict[],
  layout: Layout,
  timeZone: string,
): string {
  const width = Math.min(widest, layout.width ?? widest);
  const inner = { ...layout, width };
  const parts = report.clusters
    .flatMap((cluster, index) => {
      const verdict = verdicts[index];
      return verdict === undefined ? [] : [{ cluster, verdict }];
    })
    .toSorted((a, b) => byLevel(a.verdict, b.verdict))
    .map(({ cluster, verdict }) => clusterPart(cluster, verdict, report, inner, timeZone));
  const when = `as of ${formatLocalTime(report.generatedAtMs, timeZone)} (${timeZone}), asked for ${report.gatheringMs} ms`;
  return `${parts.join('\n')}\n${paint(when, 'faint', layout)}\n`;
}

function clusterPart(
  cluster: ClusterReport,
  { level, findings }: Verdict,
  { generatedAtMs: nowMs }: StatusReport,
  layout: Layout & { width: number },
  timeZone: string,
): string {
  const title = `${paint(cluster.cluster, 'title', layout)}  ${paint(level.toUpperCase(), tones[level], layout)}`;
  const facts = factsOf(cluster, { nowMs, timeZone }).flatMap(({ label, text, isKnown }) =>
    labelled(label, text, isKnown ? undefined : 'warning', layout),
  );
  return [
    title,
    ...findingLines(findings, layout),
    hostTable(cluster.hosts, nowMs, layout).trimEnd(),
    ...facts,
    '',
  ].join('\n');
}

/** What is not well, each reason once: a host that is silent is the reason for many. */
function findingLines(findings: readonly Finding[], layout: Layout & { width: number }): string[] {
  const bad = findings.filter(({ level, counts }) => level !== 'ok' && counts);
  const told = new Set<string>();
  return bad.flatMap(({ level, rule, text }) => {
    if (told.has(text)) return [];
    told.add(text);
    return labelled(rule, text, tones[level], layout);
  });
}

function labelled(label: string, text: string, tone: Tone | undefined, layout: Layout & { width: number }): string[] {
  const name = escapeControls(label).slice(0, layout.width / 2);
  const room = layout.width - gap.length;
  const lines = wrapped(escapeControls(text), room - labelWidth, room - Math.max(labelWidth, name.length));
  return lines.map((line, index) => {
    const head = (index === 0 ? name : '').padEnd(labelWidth);
    return `${head}${gap}${paint(line, tone, layout)}`;
  });
}
