import type { Chart } from './summary.ts';

const width = 760;
const labelWidth = 330;
const rowHeight = 22;
const titleHeight = 34;

/** Charts below one another as an SVG that needs nothing else, light or dark as its reader has it. */
export function plot(charts: readonly Chart[]): string {
  let top = 0;
  const parts = charts.map((chart) => {
    const drawn = drawChart(chart, top);
    top += titleHeight + chart.bars.length * rowHeight + 18;
    return drawn;
  });
  const style =
    'text{font:13px sans-serif;fill:#222}.title{font-weight:bold}.bar{fill:#9aa5b1}.ours{fill:#2166ac}' +
    '@media(prefers-color-scheme:dark){text{fill:#ddd}.bar{fill:#66707c}.ours{fill:#67a9cf}}';
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${top}" role="img" aria-label="Benchmarks"><style>${style}</style>
${parts.join('\n')}
</svg>
`;
}

function drawChart({ title, unit, bars }: Chart, top: number): string {
  const longest = Math.max(...bars.map(({ value }) => value));
  const lines = bars.map(({ label, value }, index) => {
    const y = top + titleHeight + index * rowHeight;
    const length = Math.max(1, ((width - labelWidth - 90) * value) / longest);
    const text = value >= 100 ? value.toFixed(0) : value.toFixed(1);
    // What is ours is the first one, or named as our commands are.
    const kind = isOurs(label) ? 'ours' : 'bar';
    return (
      `<text x="${labelWidth - 8}" y="${y + 14}" text-anchor="end">${escape(label)}</text>` +
      `<rect class="${kind}" x="${labelWidth}" y="${y + 2}" width="${length.toFixed(1)}" height="${rowHeight - 6}"/>` +
      `<text x="${labelWidth + length + 6}" y="${y + 14}">${text}</text>`
    );
  });
  return `<text class="title" x="8" y="${top + 22}">${escape(title)}, ${escape(unit)}</text>\n${lines.join('\n')}`;
}

function isOurs(label: string): boolean {
  return /^(archive_cmd|restore_cmd|wal-sync|base-backup|backup-restore|extraction|\d+ segments)/.test(label);
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');
}
