import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareLsn, formatLsn, lsnFromBytes, parseLsn, tryParseLsn } from '../../../packages/core/src/wal/lsn.ts';
import { anyPosition } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

test('a position is read and written as PostgreSQL does', () => {
  expect(parseLsn('A/FE000000')).toBe(0xa_fe00_0000n);
  expect(formatLsn(parseLsn('a/0fe'))).toBe('A/FE');
  expect(formatLsn(parseLsn('FFFFFFFF/FFFFFFFF'))).toBe('FFFFFFFF/FFFFFFFF');
  expect(formatLsn(parseLsn('0/0'))).toBe('0/0');
});

test('every position survives being written and read', () => {
  fc.assert(fc.property(anyPosition, (position) => parseLsn(formatLsn(lsnFromBytes(position))) === position));
});

test('positions are ordered as numbers, not as texts', () => {
  fc.assert(
    fc.property(anyPosition, anyPosition, (a, b) => {
      expect(Math.sign(Number(a - b))).toBe(compareLsn(lsnFromBytes(a), lsnFromBytes(b)));
    }),
  );
  expect(compareLsn(parseLsn('9/0'), parseLsn('10/0'))).toBe(-1);
});

test.each(['', '/', 'A', 'A/', '/A', '123456789/0', '0/123456789', '0x1/0', ' 0/0', '0/0\n', '0/0/0', 'G/0', '-1/0'])(
  '%j is not a position',
  (text) => {
    expect(tryParseLsn(text)).toBeUndefined();
    expect(failureOf('usage', () => parseLsn(text)).hint).toContain('A/FE000000');
  },
);

test('a position beyond 64 bits cannot be made', () => {
  expect(() => lsnFromBytes(2n ** 64n)).toThrow(RangeError);
  expect(() => lsnFromBytes(-1n)).toThrow(RangeError);
});
