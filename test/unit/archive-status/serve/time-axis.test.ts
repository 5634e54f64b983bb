import { ticksOf } from '@archive2/archive-status/serve/picture/time-axis.ts';
import { momentOf, zoneOffsetMs } from '@archive2/archive-status/serve/picture/zone-time.ts';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DAY_MS, HOUR_MS, MINUTE_MS } from './made-up-report.ts';

const zones = ['UTC', 'Europe/Berlin', 'America/St_Johns', 'Asia/Kathmandu', 'Pacific/Apia', 'Australia/Lord_Howe'];
const labels = (fromMs: number, lengthMs: number, timeZone = 'UTC') =>
  ticksOf({ fromMs, toMs: fromMs + lengthMs }, timeZone).map(({ label }) => label);

describe('a time axis', () => {
  test('of a day is labelled every three hours, and at midnight with the day', () => {
    expect(labels(Date.UTC(2026, 10, 20, 15, 31), DAY_MS)).toEqual([
      '18:00',
      '21:00',
      'Sat 21',
      '03:00',
      '06:00',
      '09:00',
      '12:00',
      '15:00',
    ]);
  });

  test('of a week is labelled by days, of a month by every fifth, of a year by months', () => {
    const at = Date.UTC(2026, 10, 14, 15, 31);
    expect(labels(at, 7 * DAY_MS)).toEqual(['15 Nov', '16 Nov', '17 Nov', '18 Nov', '19 Nov', '20 Nov', '21 Nov']);
    expect(labels(at, 30 * DAY_MS)).toHaveLength(6);
    expect(labels(at, 365 * DAY_MS)).toEqual(['Jan 2027', 'Mar 2027', 'May 2027', 'Jul 2027', 'Sep 2027', 'Nov 2027']);
  });

  test("of a day with a change of the clocks is labelled at the clocks' hours", () => {
    const midnight = Date.UTC(2026, 9, 24, 22);
    expect(labels(midnight, 25 * HOUR_MS, 'Europe/Berlin')).toEqual(['Sun 25', '06:00', '12:00', '18:00', 'Mon 26']);
  });

  test('so is one west of Greenwich, where the change is after the hours of the same name in UTC', () => {
    const midnight = Date.UTC(2026, 10, 1, 4);
    expect(labels(midnight, 25 * HOUR_MS, 'America/New_York')).toEqual(['Sun 1', '06:00', '12:00', '18:00', 'Mon 2']);
    expect(momentOf(Date.UTC(2026, 10, 1, 3), 'America/New_York')).toBe(Date.UTC(2026, 10, 1, 8));
  });

  test('whatever its length and zone: some labels, not too many, in order, within it, at whole minutes', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 4e12 }),
        fc.integer({ min: 10 * MINUTE_MS, max: 6000 * DAY_MS }),
        fc.constantFrom(...zones),
        (fromMs, lengthMs, timeZone) => {
          const span = { fromMs, toMs: fromMs + lengthMs };
          const ticks = ticksOf(span, timeZone);
          expect(ticks.length).toBeGreaterThanOrEqual(1);
          expect(ticks.length).toBeLessThanOrEqual(10);
          expect(ticks.filter(({ isMajor }) => isMajor).length).toBeLessThanOrEqual(6);
          for (const [index, { atMs }] of ticks.entries()) {
            expect(atMs).toBeGreaterThanOrEqual(span.fromMs);
            expect(atMs).toBeLessThanOrEqual(span.toMs);
            expect(atMs).toBeGreaterThan(ticks[index - 1]?.atMs ?? -1);
            expect(Math.abs(atMs + zoneOffsetMs(atMs, timeZone)) % MINUTE_MS).toBe(0);
          }
        },
      ),
    );
  });

  test("a zone's clock reading and the moment are the same one, but for the hour that clocks skip", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4e12 }), fc.constantFrom(...zones), (atMs, timeZone) => {
        const local = atMs + zoneOffsetMs(atMs, timeZone);
        expect(Math.abs(momentOf(local, timeZone) - atMs)).toBeLessThanOrEqual(HOUR_MS);
      }),
    );
  });
});
