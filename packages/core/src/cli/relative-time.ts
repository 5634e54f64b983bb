const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** How long ago, or how far ahead, in one unit: "3 h ago", "in 2 d", "now" within half a minute. */
export function formatRelative(atMs: number, nowMs: number): string {
  const distanceMs = atMs - nowMs;
  if (Math.abs(distanceMs) < MINUTE_MS / 2) return 'now';
  return distanceMs < 0 ? `${formatSpan(-distanceMs)} ago` : `in ${formatSpan(distanceMs)}`;
}

/** A length of time in one unit, rounded down: "45 s", "12 min", "47 h", "2 d". Two days and more are told in days. */
export function formatSpan(spanMs: number): string {
  if (spanMs < MINUTE_MS) return `${Math.floor(spanMs / SECOND_MS)} s`;
  if (spanMs < HOUR_MS) return `${Math.floor(spanMs / MINUTE_MS)} min`;
  if (spanMs < 2 * DAY_MS) return `${Math.floor(spanMs / HOUR_MS)} h`;
  return `${Math.floor(spanMs / DAY_MS)} d`;
}

/** A length of time in two units, for what was measured: "45 s", "12 min 5 s", "3 h 20 min", "2 d 4 h". */
export function formatDuration(durationMs: number): string {
  const units = [
    [DAY_MS, 'd'],
    [HOUR_MS, 'h'],
    [MINUTE_MS, 'min'],
    [SECOND_MS, 's'],
  ] as const;
  const first = units.findIndex(([unitMs]) => durationMs >= unitMs);
  if (first < 0) return '0 s';
  let restMs = durationMs;
  const parts: string[] = [];
  for (const [unitMs, name] of units.slice(first, first + 2)) {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    if (count > 0) parts.push(`${count} ${name}`);
  }
  return parts.join(' ');
}
