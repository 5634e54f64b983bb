import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join } from 'node:path';
import { plot } from './plot.ts';
import { type CaseResult, describeBar, type Row } from './summary.ts';

/** A case as it was measured last. */
interface Measured extends Required<CaseResult> {
  title: string;
  /** When, and on what: "2026-11-21, 2 cores, Linux 6.18". */
  where: string;
}

const docs = join(import.meta.dirname, '../../docs');
const [numbers, page, picture] = ['benchmarks.json', 'benchmarks.md', 'benchmarks.svg'].map((name) => join(docs, name));

/**
 * Puts a case's result into docs/benchmarks.json, and writes docs/benchmarks.md and docs/benchmarks.svg from all that is there: a run
 * of some cases leaves those of the others.
 */
export function writeReport(name: string, title: string, result: CaseResult): void {
  if (numbers === undefined || page === undefined || picture === undefined) throw new Error('no place for the report');
  const all = existsSync(numbers) ? (JSON.parse(readFileSync(numbers, 'utf8')) as Record<string, Measured>) : {};
  const where = `${new Date().toISOString().slice(0, 10)}, ${cpus().length} cores, Linux ${release().split('-')[0]}`;
  all[name] = { title, where, rows: result.rows, charts: result.charts ?? [] };
  writeFileSync(numbers, `${JSON.stringify(all, null, 1)}\n`);
  writeFileSync(page, formatPage(all));
  writeFileSync(picture, plot(Object.values(all).flatMap(({ charts }) => charts)));
}

function formatPage(all: Record<string, Measured>): string {
  const sections = Object.entries(all).map(
    ([name, { title, where, rows }]) =>
      `## ${title}\n\n\`make bench CASES=${name}\`, ${where}.\n\n| What | Measured | |\n| --- | --- | --- |\n${rows.map(formatRow).join('\n')}\n`,
  );
  return `# Benchmarks

<!-- Written by \`make bench\` (scripts/bench/write-report.ts). Do not edit. -->

Measured on the test stand: database server and archive hosts are network namespaces of one machine, so they share its cores and its
disk, and the round trip is near zero. Ours and the peers run alternately on the same files, three to ten rounds, medians. Ratios are what to
compare; the other figures hold for that run. How each is set up is in \`scripts/bench/\`.

![All in one picture](benchmarks.svg)

${sections.join('\n')}`;
}

function formatRow([what, value, bar]: Row): string {
  const cell = (text: string) => text.trim().replaceAll('|', '\\|');
  const [label, ratio, judged] = [cell(what), cell(value), bar === undefined ? '' : describeBar(bar)];
  return bar === undefined ? `| ${label} | ${ratio} | |` : `| ${label} | **${ratio}** | ${judged} |`;
}
