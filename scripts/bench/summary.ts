/** A measured ratio, and what it has to be. */
export interface Bar {
  ratio: number;
  atMost?: number;
  atLeast?: number;
}

/** What was measured, its value, and whether that is as it has to be. */
export type Row = readonly [what: string, value: string, bar?: Bar];

/** Values of one kind beside each other, to be drawn. */
export interface Chart {
  title: string;
  unit: string;
  bars: readonly { label: string; value: number }[];
}

export interface CaseResult {
  rows: readonly Row[];
  charts?: readonly Chart[];
}

/** Median of some measurements, in their unit. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/** A row for a ratio with its bar. */
export function barRow(what: string, bar: Bar): Row {
  return [what, bar.ratio.toFixed(2), bar];
}

/** "1.37, bar: 2.5 or more, missed"; nothing for a row without a bar. */
export function describeBar({ ratio, atMost, atLeast }: Bar): string {
  const wanted = atMost === undefined ? `${atLeast} or more` : `${atMost} or less`;
  const isMet = atMost === undefined ? ratio >= (atLeast ?? 0) : ratio <= atMost;
  return `bar: ${wanted}, ${isMet ? 'met' : 'missed'}`;
}

/** A table of text for people, columns padded. */
export function formatTable(rows: readonly Row[]): string {
  const cells = rows.map(([what, value, bar]) => [what, bar === undefined ? value : `${value} (${describeBar(bar)})`]);
  const width = Math.max(...cells.map(([what = '']) => what.length));
  return cells.map(([what = '', value = '']) => `${what.padEnd(width)}  ${value}`.trimEnd()).join('\n');
}
