import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { detectStoredFormat } from '../../../packages/core/src/codec/stored-format.ts';

test.each([
  ['28b52ffd', 'zstd'],
  ['502a4d18', 'zstd'],
  ['5a2a4d18', 'zstd'],
  ['5f2a4d18', 'zstd'],
  ['602a4d18', 'plain'],
  ['1f8b0800', 'gzip'],
  ['425a6831', 'bzip2'],
  ['425a6839', 'bzip2'],
  ['425a6830', 'plain'],
  ['04224d18', 'lz4'],
  ['02214c18', 'lz4'],
  ['10d10200', 'plain'],
  ['00000000', 'plain'],
  ['28b52ffc', 'plain'],
])('%s begins %s', (hex, format) => {
  expect(detectStoredFormat(Buffer.from(hex, 'hex'))).toBe(format);
});

test('no WAL page looks compressed', () => {
  for (let magic = 0xd000; magic <= 0xdfff; magic++) {
    for (const info of [0x0002, 0x000f, 0x184d, 0xfd2f]) {
      const page = Buffer.alloc(4);
      page.writeUInt16LE(magic, 0);
      page.writeUInt16LE(info, 2);
      expect(detectStoredFormat(page)).toBe('plain');
    }
  }
});

test('no history file looks compressed', () => {
  fc.assert(
    fc.property(fc.constantFrom('1', '9', '#', ' ', '\t', '\n', 'START WAL'), fc.string({ minLength: 3 }), (a, b) => {
      expect(detectStoredFormat(Buffer.from(a + b))).toBe('plain');
    }),
  );
});

test('fewer than four bytes cannot be told', () => {
  expect(() => detectStoredFormat(Buffer.from('28b52f', 'hex'))).toThrow(RangeError);
});
