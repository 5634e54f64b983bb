/** A value at some moments, oldest first. */
export type Series = readonly Sample[];

export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

/** How often a value is kept, and how many of it. */
export interface Ring {
  readonly everyMs: number;
  readonly keep: number;
}

const MINUTE_MS = 60_000;

/** Of an archive host's disk: two days, so that a base backup and its rotation are within it. */
export const diskRing: Ring = { everyMs: 15 * MINUTE_MS, keep: 192 };
/** Of what changes within minutes: an hour. */
export const quickRing: Ring = { everyMs: 30_000, keep: 120 };

/** Adds a sample unless the last one is too young; drops the oldest. One from the future means that a clock was set back: it is dropped too. */
export function withSample(series: Series, sample: Sample, { everyMs, keep }: Ring): Series {
  const past = series.filter(({ atMs }) => atMs <= sample.atMs);
  const last = past.at(-1);
  if (last !== undefined && sample.atMs - last.atMs < everyMs) return past;
  return [...past, sample].slice(-keep);
}

const fewest = 4;
/** Further away than this nobody plans. */
const horizonMs = 10 * 365 * 24 * 60 * MINUTE_MS;

/**
 * When a value that falls reaches 0, if it goes on as a straight line through its samples and now; null when it does not fall, or not
 * within ten years; undefined while there are fewer than four samples, or they are of less than `overMs`.
 */
export function whenZero(series: Series, now: Sample, overMs: number): number | null | undefined {
  const all = [...series.filter(({ atMs }) => atMs < now.atMs), now];
  const [first] = all;
  if (all.length < fewest || first === undefined || now.atMs - first.atMs < overMs) return undefined;
  const slope = slopeOf(all);
  if (slope >= 0) return null;
  const leftMs = now.value / -slope;
  return leftMs > horizonMs ? null : Math.round(now.atMs + leftMs);
}

/** How much more it is than `overMs` ago, by the youngest sample that is at least so old; undefined while there is none. */
export function growthOver(series: Series, now: Sample, overMs: number): number | undefined {
  const before = series.findLast(({ atMs }) => now.atMs - atMs >= overMs);
  return before === undefined ? undefined : now.value - before.value;
}

/** Least squares, in units per millisecond. */
function slopeOf(samples: Series): number {
  const meanAt = samples.reduce((sum, { atMs }) => sum + atMs, 0) / samples.length;
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / samples.length;
  let [above, below] = [0, 0];
  for (const { atMs, value } of samples) {
    above += (atMs - meanAt) * (value - mean);
    below += (atMs - meanAt) ** 2;
  }
  return below === 0 ? 0 : above / below;
}
