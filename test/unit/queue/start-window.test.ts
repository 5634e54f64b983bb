import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  formatStartWindow,
  isOpenAt,
  nextOpeningMs,
  parseStartWindow,
} from '../../../packages/core/src/queue/start-window.ts';

const minute = fc.integer({ min: 0, max: 1439 });
const window = fc
  .record({ fromMinute: minute, toMinute: minute })
  .filter(({ fromMinute, toMinute }) => fromMinute !== toMinute);

describe('a start window', () => {
  it('is read as it is written', () => {
    fc.assert(
      fc.property(window, (window) => {
        expect(parseStartWindow(formatStartWindow(window))).toEqual(window);
      }),
    );
    for (const wrong of ['', '22-5', '24:00-05:00', '22:00-22:00', '22:60-05:00', ' 22:00-05:00', '2:00-3:00']) {
      expect(() => parseStartWindow(wrong)).toThrow(/not a start window/);
    }
  });

  it('opens next at the first minute at which it is open', () => {
    const moment = fc.integer({ min: Date.UTC(2026, 0), max: Date.UTC(2027, 0) });
    const zone = fc.constantFrom('UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/St_Johns');
    fc.assert(
      fc.property(window, zone, moment, (window, zone, atMs) => {
        const openingMs = nextOpeningMs(window, zone, atMs);
        expect(isOpenAt(window, zone, openingMs)).toBe(true);
        expect(openingMs).toBeGreaterThanOrEqual(atMs);
        if (openingMs > atMs) expect(isOpenAt(window, zone, openingMs - 1)).toBe(false);
      }),
    );
  });

  it('that the clocks skip opens on the next day', () => {
    // In Berlin there is no 02:30 on 29 March 2026.
    const skipped = { fromMinute: 150, toMinute: 160 };
    const openingMs = nextOpeningMs(skipped, 'Europe/Berlin', Date.UTC(2026, 2, 28, 12));
    expect(new Date(openingMs).toISOString()).toBe('2026-03-30T00:30:00.000Z');
  });
});
