import { type Html, html } from '../html/html.ts';

/** A bar for a share from 0 to 1; what it says stands beside it too. */
export function meter(share: number, what: string): Html {
  const width = (Math.min(1, Math.max(0, share)) * 100).toFixed(1);
  return html`<svg class="meter" width="72" height="10" role="img" aria-label="${what}"><rect class="meter-ground" width="100%" height="10" rx="2"/><rect class="meter-bar" width="${width}%" height="10" rx="2"/></svg>`;
}
