import { html } from '../html/html.ts';
import { sign } from './badge.ts';
import { pageShell } from './page-shell.ts';

/** While nothing was gathered yet: for a moment after the start, or as long as nothing works. */
export function firstPage(failure: string | undefined): string {
  const what =
    failure === undefined ? 'The sources are being asked for the first time.' : `Nothing could be gathered: ${failure}`;
  const main = html`<header class="site"><h1>Archive status</h1></header>
<p class="banner" role="status">${sign('unknown')} <strong>Nothing is known yet.</strong> ${what}</p>`;
  return pageShell({ title: 'Unknown · Archive status', level: 'unknown', main, gatheredAtMs: undefined });
}
