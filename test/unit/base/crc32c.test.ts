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

/** Around where folding begins, where what is left and what was dropped last no longer overlap, and where a second fold begins. */
const [folded, fold] = [16 * 209, 2 ** 18];
const turningPoints = [folded, 2 * folded, 3 * folded, 4 * folded, fold, fold + folded, fold + 2 * folded];
const bytes = noise(fold + 3 * folded);

function noise(count: number): Buffer {
  const content = Buffer.allocUnsafe(count);
  for (let at = 0, state = 1; at < count; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    content[at] = state >>> 24;
  }
  return content;
}

test('long content is folded to the same checksum, whatever its length and place in memory', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...turningPoints),
      fc.integer({ min: -33, max: 33 }),
      fc.nat(17),
      fc.nat(9000),
      (near, more, offset, cut) => {
        const content = bytes.subarray(offset, offset + near + more);
        const expected = slowly(content);
        expect(crc32c(content)).toBe(expected);
        expect(crc32c(content.subarray(cut), crc32c(content.subarray(0, cut)))).toBe(expected);
      },
    ),
    { numRuns: 150 },
  );
});
