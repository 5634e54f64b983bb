import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { crc32c } from '../../../packages/core/src/base/crc32c.ts';

/** Bit by bit, as the definition has it. */
function slowly(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test('the checksums of RFC 3720 come out', () => {
  expect(crc32c(Buffer.alloc(32)).toString(16)).toBe('8a9136aa');
  expect(crc32c(Buffer.alloc(32, 255)).toString(16)).toBe('62a8ab43');
  expect(crc32c(Buffer.from('123456789')).toString(16)).toBe('e3069283');
  expect(crc32c(Buffer.alloc(0))).toBe(0);
});

test('content in pieces of any size and place in memory has the checksum of the whole', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), fc.nat(7), (bytes, cut, offset) => {
      const moved = Buffer.concat([Buffer.alloc(offset), bytes]).subarray(offset);
      const first = crc32c(moved.subarray(0, cut));
      expect(crc32c(moved.subarray(cut), first)).toBe(slowly(bytes));
    }),
  );
});

/** Around where folding begins, and where its blocks end: 209 words, and 4096 more. */
const turningPoints = [4 * 209, 8 * 209, 4 * 4096, 4 * (4096 + 209), 4 * (2 * 4096 + 209)];

test('long content is folded to the same checksum, whatever its length and place in memory', () => {
  const bytes = Buffer.allocUnsafe(40_000);
  for (let at = 0, state = 1; at < bytes.length; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    bytes[at] = state >>> 24;
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...turningPoints),
      fc.integer({ min: -9, max: 9 }),
      fc.nat(7),
      fc.nat(5000),
      (near, more, offset, cut) => {
        const content = bytes.subarray(offset, offset + near + more);
        const first = crc32c(content.subarray(0, cut));
        expect(crc32c(content.subarray(cut), first)).toBe(slowly(content));
        expect(crc32c(content)).toBe(slowly(content));
      },
    ),
    { numRuns: 300 },
  );
});
