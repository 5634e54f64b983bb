import { type Html, html } from '../html/html.ts';
import type { View } from './view.ts';

export function siteFooter({ report }: View): Html {
  return html`<footer>
<p>archive-status ${report.program} · <a id="to-metrics" href="/metrics">metrics</a> · <a id="to-json" href="/api/status">JSON</a> · shown anew every 10 s</p>
</footer>`;
}
