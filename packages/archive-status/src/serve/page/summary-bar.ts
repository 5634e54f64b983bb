import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import { type Html, html } from '../html/html.ts';
import { timeWithSeconds } from './moment.ts';
import type { View } from './view.ts';

/** Of when this is, and a warning where that is too long ago. */
export function ageLine({ report, nowMs, timeZone, ageMs }: View): Html {
  const { machine, gatheringMs } = report;
  return html`<p class="age">As of ${timeWithSeconds(nowMs - ageMs, { nowMs, timeZone })}, ${formatSpan(ageMs)} ago; asked by <bdi>${machine}</bdi> in ${(gatheringMs / 1000).toFixed(1)} s. Times are ${timeZone}.</p>`;
}

export function staleBanner({ isStale, ageMs, failure }: View): Html | undefined {
  if (!isStale && failure === undefined) return undefined;
  const why = failure === undefined ? '' : ` The last attempt failed: ${failure}.`;
  const what = isStale
    ? `Everything below is ${formatSpan(ageMs)} old and says nothing about now.`
    : 'The newest gathering failed.';
  return html`<p class="banner" role="alert"><strong>${what}</strong>${why}</p>`;
}
