import type { Level } from '../../check/level.ts';
import { type Html, html } from '../html/html.ts';
import type { Reason } from '../judge.ts';

/** Each a shape of its own: colours alone tell nothing to many. */
const signs: Readonly<Record<Level, Html>> = {
  ok: html`<circle cx="10" cy="10" r="8.5"/><path d="M6 10.5L9 13.5L14.5 7"/>`,
  warning: html`<path d="M10 2L19 18H1Z"/><path d="M10 8V12.5M10 14.8V15.6"/>`,
  critical: html`<path d="M6.3 1H13.7L19 6.3V13.7L13.7 19H6.3L1 13.7V6.3Z"/><path d="M6.8 6.8L13.2 13.2M13.2 6.8L6.8 13.2"/>`,
  unknown: html`<circle cx="10" cy="10" r="8.5"/><path d="M7.3 7.6C7.5 4.6 12.8 4.6 12.7 7.8C12.6 9.8 10 9.8 10 12M10 14.6V15.4"/>`,
};

export const levelWords: Readonly<Record<Level, string>> = {
  ok: 'OK',
  warning: 'Warning',
  critical: 'Critical',
  unknown: 'Unknown',
};

export function sign(level: Level): Html {
  return html`<svg class="level-sign ${level}" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">${signs[level]}</svg>`;
}

export function badge(level: Level): Html {
  return html`<span class="badge ${level}">${sign(level)}${levelWords[level]}</span>`;
}

export function reasonList(reasons: readonly Reason[]): Html | undefined {
  if (reasons.length === 0) return undefined;
  return html`<ul class="reasons">${reasons.map(
    ({ level, text, rules }) =>
      html`<li class="${level}">${sign(level)}<span><span class="unseen">${levelWords[level]}: </span>${ruleNames(rules)}${text}</span></li>`,
  )}</ul>`;
}

function ruleNames(rules: readonly string[]): Html | undefined {
  return rules.length === 0 ? undefined : html`<span class="muted">${rules.join(', ')}:</span> `;
}

/** Colours of the sign in the browser's tab, where a page's style does not reach. */
const tabColours: Readonly<Record<Level, string>> = {
  ok: '#1a7f37',
  warning: '#b97a00',
  critical: '#cf222e',
  unknown: '#6e7781',
};

/** The page's icon: the sign, as a data URL. */
export function tabIcon(level: Level): string {
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20" fill="${tabColours[level]}" stroke="#fff" stroke-width="2" stroke-linecap="round">${signs[level].text}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
