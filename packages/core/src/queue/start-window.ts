import { Failure } from '../base/failure.ts';

/**
 * The part of each day in which tasks may start, in the cluster's time zone: from `fromMinute` until before `toMinute`, minutes
 * after local midnight (0 to 1439). It goes over midnight when `toMinute` is the smaller one. A task that has started may go on.
 */
export interface StartWindow {
  fromMinute: number;
  toMinute: number;
}

const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;
const DAY_MINUTES = 1440;

/** Takes "22:30-05:00"; throws `usage` for anything else, and for a window that begins where it ends. */
export function parseStartWindow(text: string): StartWindow {
  const match = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$/.exec(text);
  const fromMinute = Number(match?.[1]) * 60 + Number(match?.[2]);
  const toMinute = Number(match?.[3]) * 60 + Number(match?.[4]);
  if (match === null || fromMinute === toMinute) {
    throw new Failure('usage', `${JSON.stringify(text.slice(0, 40))} is not a start window`, {
      hint: 'A start window is two different times of day, as in 22:30-05:00.',
    });
  }
  return { fromMinute, toMinute };
}

export function formatStartWindow({ fromMinute, toMinute }: StartWindow): string {
  return `${formatMinute(fromMinute)}-${formatMinute(toMinute)}`;
}

function formatMinute(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}

/** True when the window is open at that moment; no window is always open. */
export function isOpenAt(window: StartWindow | undefined, timeZone: string, atMs: number): boolean {
  if (window === undefined) return true;
  const minute = minuteOfDay(timeZone, atMs);
  const { fromMinute, toMinute } = window;
  if (fromMinute < toMinute) return minute >= fromMinute && minute < toMinute;
  return minute >= fromMinute || minute < toMinute;
}

/** The first moment from `atMs` on at which the window is open, in whole minutes unless it is open at once. */
export function nextOpeningMs(window: StartWindow | undefined, timeZone: string, atMs: number): number {
  if (isOpenAt(window, timeZone, atMs)) return atMs;
  // Minute by minute: a change of the clocks may skip the opening minute itself. Two days hold an opening of any window.
  const firstMs = Math.ceil(atMs / MINUTE_MS) * MINUTE_MS;
  for (let minute = 0; minute <= 2 * DAY_MINUTES; minute++) {
    const candidateMs = firstMs + minute * MINUTE_MS;
    if (isOpenAt(window, timeZone, candidateMs)) return candidateMs;
  }
  throw new RangeError(`no opening of ${JSON.stringify(window)} in ${timeZone}`);
}

interface Zone {
  format: Intl.DateTimeFormat;
  quarter: number;
  minuteAtQuarter: number;
}

const zones = new Map<string, Zone>();

/** Throws `usage` for a name that is not in the time zone database. */
export function checkTimeZone(timeZone: string): void {
  zoneOf(timeZone);
}

function minuteOfDay(timeZone: string, atMs: number): number {
  const zone = zoneOf(timeZone);
  // Clocks change at whole quarters of an hour, and formatting costs a thousand times this comparison.
  const quarter = Math.floor(atMs / QUARTER_MS);
  if (zone.quarter !== quarter) {
    zone.quarter = quarter;
    const [hour = '0', minute = '0'] = zone.format.format(quarter * QUARTER_MS).split(':');
    zone.minuteAtQuarter = Number(hour) * 60 + Number(minute);
  }
  return (zone.minuteAtQuarter + Math.floor((atMs - quarter * QUARTER_MS) / MINUTE_MS)) % DAY_MINUTES;
}

function zoneOf(timeZone: string): Zone {
  const known = zones.get(timeZone);
  if (known) return known;
  try {
    const format = new Intl.DateTimeFormat('en-GB', { timeZone, hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    const zone = { format, quarter: Number.NaN, minuteAtQuarter: 0 };
    zones.set(timeZone, zone);
    return zone;
  } catch (cause) {
    throw new Failure('usage', `${JSON.stringify(timeZone.slice(0, 60))} is not a time zone`, {
      hint: 'Use a name of the time zone database, as Europe/Berlin or UTC.',
      cause,
    });
  }
}
