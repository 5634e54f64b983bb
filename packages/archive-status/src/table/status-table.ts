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
/** Longer ones push their own text to the right. */
const widestLabel = 22;
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
  layout: Frame,
  timeZone: string,
): string {
  const title = `${paint(cluster.cluster, 'title', layout)}  ${paint(level.toUpperCase(), tones[level], layout)}`;
  const bad = badLines(findings);
  const facts = factsOf(cluster, { nowMs, timeZone }).map(({ label, text, isKnown }): Line => {
    return { label, text, tone: isKnown ? undefined : 'warning' };
  });
  const longest = Math.max(...[...bad, ...facts].map(({ label }) => label.length));
  const labelWidth = Math.min(widestLabel, longest);
  const laidOut = (lines: readonly Line[]) => lines.flatMap((line) => layOut(line, labelWidth, layout));
  return [title, ...laidOut(bad), hostTable(cluster.hosts, nowMs, layout).trimEnd(), ...laidOut(facts), ''].join('\n');
}

interface Line {
  readonly label: string;
  readonly text: string;
  readonly tone: Tone | undefined;
}

type Frame = Layout & { width: number };

/** What is not well, each reason once: a host that is silent is the reason for many. */
function badLines(findings: readonly Finding[]): Line[] {
  const told = new Set<string>();
  return findings.flatMap(({ level, rule, text, counts }) => {
    if (level === 'ok' || !counts || told.has(text)) return [];
    told.add(text);
    return [{ label: rule, text, tone: tones[level] }];
  });
}

function layOut({ label, text, tone }: Line, labelWidth: number, layout: Frame): string[] {
  const name = escapeControls(label).slice(0, layout.width / 2);
  const room = layout.width - gap.length;
  const lines = wrapped(escapeControls(text), room - labelWidth, room - Math.max(labelWidth, name.length));
  return lines.map((line, index) => {
    const head = (index === 0 ? name : '').padEnd(labelWidth);
    return `${head}${gap}${paint(line, tone, layout)}`;
  });
}
