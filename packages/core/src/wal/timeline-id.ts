import { Failure } from '../base/failure.ts';

/** A timeline of a cluster's WAL: 1 to 2^32 - 1. Promotions and point-in-time recoveries begin new ones. */
export type TimelineId = number & { readonly brand: 'TimelineId' };

/** The timeline of that number, or undefined: 0 means "none" in PostgreSQL and is never a timeline. */
export function timelineFromNumber(value: number): TimelineId | undefined {
  return Number.isInteger(value) && value >= 1 && value <= 0xffffffff ? (value as TimelineId) : undefined;
}

/** Exactly eight upper-case hexadecimal digits, as in a file name; throws `bad_name`. */
export function parseTimelineId(digits: string): TimelineId {
  const timeline = /^[0-9A-F]{8}$/.test(digits) ? timelineFromNumber(Number.parseInt(digits, 16)) : undefined;
  if (timeline === undefined) {
    throw new Failure('bad_name', `${JSON.stringify(digits.slice(0, 16))} is not a timeline`, {
      hint: 'A timeline is eight upper-case hexadecimal digits, and never 00000000.',
    });
  }
  return timeline;
}

/** Eight upper-case hexadecimal digits, as in file names: "0000000A". */
export function formatTimelineId(timeline: TimelineId): string {
  return formatHalf(timeline);
}

/** Any 32-bit part of an archive file's name: `%08X`. */
export function formatHalf(value: number): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
