import type { Span } from './time-axis.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How much time the picture shows: the last so much, or all that there is. */
export const zooms = ['24h', '7d', '30d', 'all'] as const;

export type Zoom = (typeof zooms)[number];

const lengthsMs: Readonly<Record<Exclude<Zoom, 'all'>, number>> = {
  '24h': DAY_MS,
  '7d': 7 * DAY_MS,
  '30d': 30 * DAY_MS,
};

export const zoomTitles: Readonly<Record<Zoom, string>> = {
  '24h': '24 h',
  '7d': '7 days',
  '30d': '30 days',
  all: 'all',
};

/** Undefined: none is named. */
export function zoomNamed(text: string | null): Zoom | undefined {
  return zooms.find((zoom) => zoom === text);
}

/** A week, or all of it where there is less than a day. Pure. */
export function fittingZoom(nowMs: number, oldestMs: number | undefined): Zoom {
  return oldestMs !== undefined && nowMs - oldestMs < DAY_MS ? 'all' : '7d';
}

/** Ends now; `oldestMs`: the oldest thing that there is to be seen. Pure. */
export function spanOf(zoom: Zoom, nowMs: number, oldestMs: number | undefined): Span {
  if (zoom !== 'all') return { fromMs: nowMs - lengthsMs[zoom], toMs: nowMs };
  const lengthMs = Math.max(10 * MINUTE_MS, nowMs - (oldestMs ?? nowMs - HOUR_MS));
  // A little room before the oldest, so that its mark is not cut.
  return { fromMs: nowMs - lengthMs * 1.02, toMs: nowMs };
}
