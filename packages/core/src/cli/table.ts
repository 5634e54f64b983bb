import { escapeControls } from '../base/log.ts';
import type { Layout } from './terminal.ts';

export interface Column {
  title: string;
  align?: 'left' | 'right';
  /** Where the terminal is too narrow, it may be cut to so many characters, with an ellipsis. Without it, it never is. */
  atLeast?: number;
  /** Where that is not enough, columns with a number are left out, the highest one first. */
  dispensable?: number;
}

export type Tone = 'good' | 'warning' | 'bad' | 'faint';
export type Cell = string | { text: string; tone: Tone };

const gap = '  ';
const sgr: Readonly<Record<Tone | 'title', string>> = { good: '32', warning: '33', bad: '31', faint: '2', title: '1' };

/**
 * Rows under headings, for a person. It fits the layout's width as far as the columns allow; without a width nothing is cut or
 * left out. Cells are one line each: control characters, which come from outside, are escaped. Ends with a newline.
 */
export function formatTable(columns: readonly Column[], rows: ReadonlyArray<readonly Cell[]>, layout: Layout): string {
  let kept = columns.map((column, index) => ({ column, index, width: naturalWidth(column, index, rows) }));
  const { width = Number.POSITIVE_INFINITY } = layout;
  for (;;) {
    const excess = kept.reduce((sum, { width }) => sum + width, gap.length * (kept.length - 1)) - width;
    if (excess <= 0) break;
    const room = kept.reduce((sum, { column, width }) => sum + slack(column, width), 0);
    if (room >= excess) {
      shrink(kept, excess);
      break;
    }
    const ranks = kept.flatMap(({ column }) => column.dispensable ?? []);
    if (ranks.length === 0) {
      shrink(kept, room);
      break;
    }
    const last = Math.max(...ranks);
    kept = kept.filter(({ column }) => column.dispensable !== last);
  }
  const line = (cells: readonly Cell[], tone?: 'title') =>
    kept
      .map(({ column, index, width }, place) => {
        const cell = cells[index] ?? '';
        const text = fit(escapeControls(typeof cell === 'string' ? cell : cell.text), width);
        const blanks = ' '.repeat(width - lengthOf(text));
        const shown = paint(text, typeof cell === 'string' ? tone : cell.tone, layout);
        if (column.align === 'right') return blanks + shown;
        return place === kept.length - 1 ? shown : shown + blanks;
      })
      .join(gap)
      .trimEnd();
  const head = columns.map(({ title }) => title);
  return `${[line(head, 'title'), ...rows.map((row) => line(row))].join('\n')}\n`;
}

/** Text in a tone, where there are colours. */
export function paint(text: string, tone: Tone | 'title' | undefined, { colours }: Layout): string {
  return tone === undefined || !colours || text === '' ? text : `\u001b[${sgr[tone]}m${text}\u001b[0m`;
}

interface Kept {
  column: Column;
  index: number;
  width: number;
}

function naturalWidth({ title }: Column, index: number, rows: ReadonlyArray<readonly Cell[]>): number {
  const widths = rows.map((row) => {
    const cell = row[index] ?? '';
    return lengthOf(escapeControls(typeof cell === 'string' ? cell : cell.text));
  });
  return Math.max(title.length, ...widths);
}

function slack({ title, atLeast }: Column, width: number): number {
  return atLeast === undefined ? 0 : Math.max(0, width - Math.max(atLeast, title.length));
}

/** Takes so many characters from the columns that may give some, always from the widest. */
function shrink(kept: Kept[], by: number): void {
  for (let left = by; left > 0; left--) {
    const [widest] = kept.filter(({ column, width }) => slack(column, width) > 0).toSorted((a, b) => b.width - a.width);
    if (widest === undefined) return;
    widest.width -= 1;
  }
}

function fit(text: string, width: number): string {
  return lengthOf(text) <= width
    ? text
    : `${Array.from(text)
        .slice(0, width - 1)
        .join('')}…`;
}

function lengthOf(text: string): number {
  return Array.from(text).length;
}
