import type { Known } from '../../model/known.ts';
import { type Html, html, type Piece } from '../html/html.ts';

/** A cell's value, or that it is not known, and why: to be told from any value at a glance. */
export function cell<T>(known: Known<T>, show: (value: T) => Piece): Html {
  return known.known ? html`${show(known.value)}` : unknownCell(known.reason);
}

/** As `cell`, where null means that there is none. */
export function optionalCell<T>(known: Known<T | null>, none: string, show: (value: T) => Piece): Html {
  return cell(known, (value) => (value === null ? html`<span class="muted">${none}</span>` : show(value)));
}

export function unknownCell(reason: string): Html {
  return html`<span class="unknown-cell" title="${reason}">not known</span>`;
}
