import { type Html, html, type Piece } from '../html/html.ts';

export interface TableContent {
  /** Unique in the page. */
  readonly id: string;
  /** For those who do not see it. */
  readonly caption: string;
  readonly columns: readonly string[];
  /** The first cell is the row's heading. */
  readonly rows: ReadonlyArray<readonly Piece[]>;
}

/**
 * A table that becomes a list of cards where there is no room; the roles are said again because such a display drops them.
 */
export function table({ id, caption, columns, rows }: TableContent): Html {
  return html`<table role="table" id="${id}">
<caption class="unseen">${caption}</caption>
<thead role="rowgroup"><tr role="row">${columns.map((column) => html`<th role="columnheader" scope="col">${column}</th>`)}</tr></thead>
<tbody role="rowgroup">${rows.map((row) => html`<tr role="row">${row.map((piece, index) => tableCell(piece, index, columns))}</tr>`)}</tbody>
</table>`;
}

function tableCell(piece: Piece, index: number, columns: readonly string[]): Html {
  if (index === 0) return html`<th role="rowheader" scope="row">${piece}</th>`;
  return html`<td role="cell" data-column="${columns[index] ?? ''}"><div>${piece}</div></td>`;
}
