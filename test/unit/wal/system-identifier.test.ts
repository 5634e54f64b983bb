import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatSystemIdentifier, parseSystemIdentifier } from '../../../packages/core/src/wal/system-identifier.ts';
import { failureOf } from './expect-failure.ts';

test('every system identifier survives being written and read', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: 1n, max: 2n ** 64n - 1n }), (value) => {
      expect(parseSystemIdentifier(value.toString())).toBe(value);
      expect(formatSystemIdentifier(parseSystemIdentifier(value.toString()))).toBe(value.toString());
    }),
  );
});

test.each(['0', '', '-1', '01', '1e3', '0x10', '7710547627397989049 ', '18446744073709551616', '9'.repeat(500)])(
  '%j is not a system identifier',
  (text) => {
    expect(failureOf('wrong_cluster', () => parseSystemIdentifier(text)).hint).toContain('pg_controldata');
  },
);
