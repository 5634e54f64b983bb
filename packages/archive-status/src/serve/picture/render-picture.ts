import { type Html, html } from '../html/html.ts';
import type { Band, BandKind, Lane, Mark, MarkKind, Picture } from './picture.ts';
import type { Span } from './time-axis.ts';

const laneHeight = 34;
const bandTop = 8;
const bandHeight = 18;

/**
 * The picture: a row for each lane. Positions along the time axis are percentages, so that it fits any width while marks and text keep
 * their size. `describe` says a lane's content for those who do not see it.
 */
export function renderPicture(picture: Picture, describe: (lane: Lane) => string): Html {
  const { span, ticks, lanes } = picture;
  return html`<div class="picture">
${lanes.map(
  (lane) => html`<div class="lane">
<div class="lane-name"><bdi>${lane.name}</bdi> <span class="muted">${lane.note}</span></div>
<svg class="lane-svg" width="100%" height="${laneHeight}" role="img" aria-label="${describe(lane)}">
${ticks.map(({ atMs }) => html`<line class="grid" x1="${percent(atMs, span)}" x2="${percent(atMs, span)}" y1="0" y2="100%"/>`)}
${lane.bands.map((band) => renderBand(band, span))}
${lane.marks.map((mark) => renderMark(mark, span))}
</svg>
</div>`,
)}
<div class="lane axis" aria-hidden="true">
<div class="lane-name"></div>
<svg class="lane-svg" width="100%" height="20">
${ticks.map(
  ({ atMs, label, isMajor }) =>
    html`<text class="tick${isMajor ? '' : ' minor'}" x="${percent(atMs, span)}" y="14" text-anchor="${anchorOf(atMs, span)}">${label}</text>`,
)}
</svg>
</div>
</div>`;
}

function renderBand({ kind, fromMs, toMs, what }: Band, span: Span): Html {
  const from = share(fromMs, span);
  const width = Math.max(0, share(toMs, span) - from);
  const isHole = kind === 'hole' || kind === 'accepted';
  const rect = html`<rect class="band ${kind}" x="${asPercent(from)}" y="${bandTop}" width="${asPercent(width)}" height="${bandHeight}"><title>${what}</title></rect>`;
  // A hole of a second must be as visible as one of an hour.
  if (!isHole) return rect;
  return html`${rect}<svg class="mark" x="${asPercent(from + width / 2)}" y="${bandTop + bandHeight / 2}"><g class="sign ${kind}"><title>${what}</title><path d="M-6 -12H6V12H-6Z"/><path class="stroke" d="M-3 -4L3 4M3 -4L-3 4"/></g></svg>`;
}

const shapes: Readonly<Record<MarkKind, Html>> = {
  backup: html`<path d="M0 -8L7 0L0 8L-7 0Z"/>`,
  running: html`<path class="hollow" d="M0 -8L7 0L0 8L-7 0Z"/>`,
  broken: html`<path class="hollow" d="M0 -8L7 0L0 8L-7 0Z"/><path class="stroke" d="M-3 -3L3 3M3 -3L-3 3"/>`,
  passed: html`<circle r="8"/><path class="stroke" d="M-4 0L-1 3L4 -3"/>`,
  failed: html`<path d="M-8 -8H8V8H-8Z"/><path class="stroke" d="M-4 -4L4 4M4 -4L-4 4"/>`,
  timeline: html`<path class="stroke" d="M0 -17V17"/>`,
};

function renderMark({ kind, atMs, sinceMs, what }: Mark, span: Span): Html {
  const middle = bandTop + bandHeight / 2;
  const since =
    sinceMs === null
      ? undefined
      : html`<line class="since ${kind}" x1="${percent(sinceMs, span)}" x2="${percent(atMs, span)}" y1="${middle}" y2="${middle}"/>`;
  return html`${since}<svg class="mark" x="${percent(atMs, span)}" y="${middle}"><g class="sign ${kind}"><title>${what}</title>${shapes[kind]}</g></svg>`;
}

/** A piece of a band, for a legend. */
export function renderSample(kind: BandKind): Html {
  return html`<svg width="22" height="14" aria-hidden="true"><rect class="band ${kind}" x="1" y="1" width="20" height="12"/></svg>`;
}

/** One lane alone, low, without an axis. */
export function renderStrip({ span }: Picture, { bands }: Lane, describe: string): Html {
  return html`<svg class="strip" width="100%" height="12" role="img" aria-label="${describe}"><rect class="strip-ground" width="100%" height="12"/>${bands.map(
    ({ kind, fromMs, toMs, what }) =>
      html`<rect class="band ${kind}" x="${percent(fromMs, span)}" y="1" width="${asPercent(Math.max(0, share(toMs, span) - share(fromMs, span)))}" height="10"><title>${what}</title></rect>`,
  )}</svg>`;
}

/** The shape alone, for a legend. */
export function renderShape(kind: MarkKind): Html {
  return html`<svg class="mark key" width="20" height="20" viewBox="-11 -11 22 22" aria-hidden="true"><g class="sign ${kind}">${shapes[kind]}</g></svg>`;
}

/** Fills that are patterns, so that kinds differ not by colour alone. Once in a page. */
export const patterns = html`<svg class="patterns" width="0" height="0" aria-hidden="true"><defs>
<pattern id="stripes" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="single-ground" width="6" height="6"/><rect class="single-stripe" width="3" height="6"/></pattern>
<pattern id="dots" width="6" height="6" patternUnits="userSpaceOnUse"><rect class="unknown-ground" width="6" height="6"/><circle class="unknown-dot" cx="3" cy="3" r="1.2"/></pattern>
<pattern id="faded" width="4" height="4" patternUnits="userSpaceOnUse"><rect class="faded-ground" width="4" height="4"/><rect class="faded-line" width="4" height="1.5"/></pattern>
</defs></svg>`;

function anchorOf(atMs: number, span: Span): string {
  const at = share(atMs, span);
  return at < 0.04 ? 'start' : at > 0.96 ? 'end' : 'middle';
}

function percent(atMs: number, span: Span): string {
  return asPercent(share(atMs, span));
}

/** From 0 to 1; what lies outside is at the edge. */
function share(atMs: number, { fromMs, toMs }: Span): number {
  return Math.min(1, Math.max(0, (atMs - fromMs) / (toMs - fromMs)));
}

function asPercent(share: number): string {
  return `${(share * 100).toFixed(3)}%`;
}
