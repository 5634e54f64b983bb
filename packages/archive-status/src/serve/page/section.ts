import { type Html, html, type Piece } from '../html/html.ts';

/** A part of a cluster's page, under a heading of its own. */
export function section(id: string, title: string, content: Piece): Html {
  return html`<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
${content}
</section>`;
}

/** What stands in the place of a part that is not known. */
export function unknownPart(reason: string): Html {
  return html`<p class="unknown-part"><strong>Not known:</strong> ${reason}</p>`;
}

export function emptyPart(text: string): Html {
  return html`<p class="muted">${text}</p>`;
}
