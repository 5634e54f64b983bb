import { formatSpan } from '@archive2/core/cli/relative-time.ts';

/** A moment that is the same in every time zone, to the second: "2026-11-21 10:07:21+00". Pure. */
export function formatMoment(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 19).replace('T', ' ')}+00`;
}

/** "2026-11-21 10:07:21+00 (14 s ago)". Pure. */
export function formatMomentAndAge(atMs: number, nowMs: number): string {
  const ageMs = nowMs - atMs;
  return `${formatMoment(atMs)} (${ageMs < 0 ? `in ${formatSpan(-ageMs)}` : `${formatSpan(ageMs)} ago`})`;
}
