/** The time zone of this machine, by its name in the time zone database. */
export function localTimeZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** A moment for a person: "2026-11-21 12:36", in a time zone; to the minute. */
export function formatLocalTime(atMs: number, timeZone: string): string {
  const { year, month, day, hour, minute } = partsOf(atMs, timeZone);
  return `${year}-${month}-${day} ${hour}:${minute}`;
}

/** The hour and minute of a moment: "12:36". */
export function formatTimeOfDay(atMs: number, timeZone: string): string {
  const { hour, minute } = partsOf(atMs, timeZone);
  return `${hour}:${minute}`;
}

/** The day of a moment, as a calendar heads it: "Sat 2026-11-21". */
export function formatDay(atMs: number, timeZone: string): string {
  const { weekday, year, month, day } = partsOf(atMs, timeZone);
  return `${weekday} ${year}-${month}-${day}`;
}

type Part = 'weekday' | 'year' | 'month' | 'day' | 'hour' | 'minute';

/** Making a format costs a thousand times its use. */
const formats = new Map<string, Intl.DateTimeFormat>();

function partsOf(atMs: number, timeZone: string): Record<Part, string> {
  let format = formats.get(timeZone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone,
      weekday: 'short',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    formats.set(timeZone, format);
  }
  const parts = format.formatToParts(atMs).map(({ type, value }) => [type, value] as const);
  return Object.fromEntries(parts) as Record<Part, string>;
}
