import { momentOf, zoneOffsetMs } from './zone-time.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Tick {
  readonly atMs: number;
  readonly label: string;
  /** One that stays where there is little room. */
  readonly isMajor: boolean;
}

const stepsMs = [1, 2, 5, 10, 15, 30]
  .map((minutes) => minutes * MINUTE_MS)
  .concat([1, 2, 3, 6, 12].map((hours) => hours * HOUR_MS))
  .concat([1, 2, 5, 10].map((days) => days * DAY_MS));
const monthSteps = [1, 2, 3, 6, 12, 24, 60, 120];
const monthNames = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/**
 * Where a time axis is labelled: at whole minutes, hours, days or months of the zone's clocks, `most` at most and at least half of
 * what fits. Every second one is major, those where the day begins before others. Pure.
 */
export function ticksOf({ fromMs, toMs }: Span, timeZone: string, most = 8): Tick[] {
  const lengthMs = Math.max(toMs - fromMs, MINUTE_MS);
  const stepMs = stepsMs.find((step) => lengthMs / step <= most);
  const moments =
    stepMs === undefined ? monthMoments(fromMs, toMs, timeZone, most) : stepMoments(fromMs, toMs, stepMs, timeZone);
  const isDayStart = (atMs: number) => (atMs + zoneOffsetMs(atMs, timeZone)) % DAY_MS === 0;
  const majorParity = stepMs !== undefined && stepMs < DAY_MS ? parityOf(moments.findIndex(isDayStart)) : 0;
  return moments.map((atMs, index) => ({
    atMs,
    label: labelOf(atMs + zoneOffsetMs(atMs, timeZone), stepMs),
    isMajor: moments.length <= most / 2 || index % 2 === majorParity,
  }));
}

function parityOf(index: number): number {
  return index < 0 ? 0 : index % 2;
}

function stepMoments(fromMs: number, toMs: number, stepMs: number, timeZone: string): number[] {
  const moments = new Set<number>();
  const firstLocal = Math.floor((fromMs + zoneOffsetMs(fromMs, timeZone)) / stepMs) * stepMs;
  for (let local = firstLocal; local <= toMs + zoneOffsetMs(toMs, timeZone) + stepMs; local += stepMs) {
    const atMs = momentOf(local, timeZone);
    if (atMs >= fromMs && atMs <= toMs) moments.add(atMs);
  }
  return [...moments];
}

function monthMoments(fromMs: number, toMs: number, timeZone: string, most: number): number[] {
  const monthOf = (atMs: number) => {
    const local = new Date(atMs + zoneOffsetMs(atMs, timeZone));
    return local.getUTCFullYear() * 12 + local.getUTCMonth();
  };
  const first = monthOf(fromMs);
  const last = monthOf(toMs);
  const step = monthSteps.find((months) => (last - first + 1) / months <= most) ?? 1200;
  const moments: number[] = [];
  for (let month = Math.ceil(first / step) * step; month <= last; month += step) {
    const atMs = momentOf(Date.UTC(Math.floor(month / 12), month % 12), timeZone);
    if (atMs >= fromMs && atMs <= toMs) moments.push(atMs);
  }
  return moments;
}

function labelOf(localMs: number, stepMs: number | undefined): string {
  const local = new Date(localMs);
  const month = monthNames[local.getUTCMonth()] ?? '';
  if (stepMs === undefined) return `${month} ${local.getUTCFullYear()}`;
  if (stepMs >= DAY_MS) return `${local.getUTCDate()} ${month}`;
  if (localMs % DAY_MS === 0) return `${dayNames[local.getUTCDay()]} ${local.getUTCDate()}`;
  return local.toISOString().slice(11, 16);
}
