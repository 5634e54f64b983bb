import { describe, expect, test } from 'vitest';
import { formatBytes } from '../../../packages/core/src/base/byte-size.ts';
import { formatDay, formatLocalTime, formatTimeOfDay } from '../../../packages/core/src/cli/local-time.ts';
import { formatDuration, formatRelative, formatSpan } from '../../../packages/core/src/cli/relative-time.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('times for people', () => {
  test.each([
    [0, 'now'],
    [-29 * SECOND, 'now'],
    [31 * SECOND, 'in 31 s'],
    [-59 * SECOND, '59 s ago'],
    [-MINUTE, '1 min ago'],
    [-(HOUR - 1), '59 min ago'],
    [-3.9 * HOUR, '3 h ago'],
    [47.9 * HOUR, 'in 47 h'],
    [2 * DAY, 'in 2 d'],
    [-400 * DAY, '400 d ago'],
  ])('%d ms from now is %s', (distanceMs, text) => {
    expect(formatRelative(1e12 + distanceMs, 1e12)).toBe(text);
  });

  test('spans have one unit, durations two', () => {
    expect([formatSpan(999), formatSpan(90 * MINUTE), formatSpan(3 * DAY + HOUR)]).toEqual(['0 s', '1 h', '3 d']);
    expect(formatDuration(999)).toBe('0 s');
    expect(formatDuration(45 * SECOND)).toBe('45 s');
    expect(formatDuration(12 * MINUTE + 5 * SECOND)).toBe('12 min 5 s');
    expect(formatDuration(3 * HOUR + 59 * SECOND)).toBe('3 h');
    expect(formatDuration(2 * DAY + 4 * HOUR + 59 * MINUTE)).toBe('2 d 4 h');
  });

  test('moments are those of the time zone, also over a change of its clocks', () => {
    const beforeMs = Date.UTC(2026, 9, 25, 0, 30);
    expect(formatLocalTime(beforeMs, 'Europe/Berlin')).toBe('2026-10-25 02:30');
    expect(formatLocalTime(beforeMs + HOUR, 'Europe/Berlin')).toBe('2026-10-25 02:30');
    expect(formatTimeOfDay(Date.UTC(2026, 0, 1), 'UTC')).toBe('00:00');
    expect(formatDay(Date.UTC(2026, 10, 21, 23), 'Asia/Tokyo')).toBe('Sun 2026-11-22');
  });
});

describe('sizes for people', () => {
  test.each([
    [0, '0 bytes'],
    [1023, '1023 bytes'],
    [1024, '1.0 KiB'],
    [1_048_575, '1.0 MiB'],
    [4.2 * 2 ** 30, '4.2 GiB'],
    [43 * 2 ** 30, '43 GiB'],
    [2 ** 60, '1024 PiB'],
  ])('%d bytes are %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
