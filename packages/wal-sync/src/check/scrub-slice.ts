/** Where the rotation stands: everything up to `position` has been read, for the time up to `atMs`. */
export interface ScrubState {
  /** The name that was read last; empty before the first. */
  readonly position: string;
  /** Wall-clock time, in milliseconds since the Unix epoch. */
  readonly atMs: number;
}

const dayMs = 24 * 3600 * 1000;
/** A run soon after another one only compares names: what it does not read, the next one does. */
const shortestPauseMs = 10 * 60 * 1000;

/**
 * How many of `total` files are due, so that every one is read within `days`: as many as the time since the last look has earned, at
 * most all of them once. The first run only starts the clock.
 */
export function filesDue(state: ScrubState | undefined, total: number, days: number, nowMs: number): number {
  if (state === undefined || days <= 0) return 0;
  const elapsedMs = nowMs - state.atMs;
  if (elapsedMs < Math.min(shortestPauseMs, (days * dayMs) / 100)) return 0;
  return Math.min(total, Math.floor((total * elapsedMs) / (days * dayMs)));
}

/** The next `count` of the sorted names after the position, going on at the beginning. */
export function nextSlice<T extends string>(sorted: readonly T[], position: string, count: number): T[] {
  const after = sorted.findIndex((name) => name > position);
  const start = after < 0 ? 0 : after;
  return [...sorted.slice(start, start + count), ...sorted.slice(0, Math.max(0, start + count - sorted.length))];
}

/** The state after `done` of `due` files were read, the last of them `position`: time that was not used is not lost. */
export function advance(state: ScrubState, position: string, done: number, due: number, nowMs: number): ScrubState {
  return { position, atMs: Math.round(state.atMs + ((nowMs - state.atMs) * done) / due) };
}
