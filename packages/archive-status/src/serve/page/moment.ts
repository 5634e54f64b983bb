import { formatLocalTime, formatTimeOfDay } from '@archive2/core/cli/local-time.ts';
import { formatRelative } from '@archive2/core/cli/relative-time.ts';
import { type Html, html } from '../html/html.ts';

interface Now {
  readonly nowMs: number;
  readonly timeZone: string;
}

/** "3 min ago", with the time itself for who points at it, and for machines. */
export function relativeMoment(atMs: number, { nowMs, timeZone }: Now): Html {
  const text = formatRelative(atMs, nowMs);
  return html`<time datetime="${iso(atMs)}" title="${formatLocalTime(atMs, timeZone)}">${text}</time>`;
}

/** "2026-11-21 12:36" */
export function plainMoment(atMs: number, { timeZone }: Now): Html {
  return html`<time datetime="${iso(atMs)}">${formatLocalTime(atMs, timeZone)}</time>`;
}

/** "12:36:20" */
export function timeWithSeconds(atMs: number, { timeZone }: Now): Html {
  const seconds = String(Math.floor(atMs / 1000) % 60).padStart(2, '0');
  return html`<time datetime="${iso(atMs)}">${formatTimeOfDay(atMs, timeZone)}:${seconds}</time>`;
}

/** Dates beyond what a calendar has are cut to it: a host may say anything. */
function iso(atMs: number): string {
  const limit = 8.64e15;
  return new Date(Math.min(limit, Math.max(-limit, atMs))).toISOString();
}
