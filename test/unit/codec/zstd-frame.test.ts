import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { frameLength, parseFrameHeader } from '../../../packages/core/src/codec/zstd-frame.ts';
import { failureOf } from '../wal/expect-failure.ts';
import { walLike } from './content.ts';
import { handmadeFrame, skippableFrame } from './handmade-frame.ts';
import { frameOf } from './stored.ts';

const sizes = [1, 2, 255, 256, 257, 65_791, 65_792, 131_072, 131_073, 400_000];

test.each(sizes)('the length and the content size of a frame of %d bytes are found', async (size) => {
  const frame = await frameOf(walLike(size));
  expect(parseFrameHeader(frame)).toMatchObject({ kind: 'data', contentSize: size, hasChecksum: true });
  expect(frameLength(frame)).toBe(frame.length);
  expect(frameLength(Buffer.concat([frame, frame]))).toBe(frame.length);
});

test('frames of every level, with and without checksum and size, are walked to their end', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 300_000 }),
      fc.constantFrom(-5, 1, 3, 9, 16),
      fc.boolean(),
      fc.boolean(),
      (size, level, checksum, contentSize) => {
        const { ZSTD_c_compressionLevel, ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = zlib.constants;
        const frame = zlib.zstdCompressSync(walLike(size), {
          params: {
            [ZSTD_c_compressionLevel]: level,
            [ZSTD_c_checksumFlag]: checksum ? 1 : 0,
            [ZSTD_c_contentSizeFlag]: contentSize ? 1 : 0,
          },
        });
        expect(parseFrameHeader(frame)).toMatchObject({ hasChecksum: checksum });
        expect(frameLength(frame)).toBe(frame.length);
        expect(frameLength(frame.subarray(0, -1))).toBeUndefined();
      },
    ),
    { numRuns: 60 },
  );
});

test('no beginning of a frame is taken for a frame', async () => {
  const frame = await frameOf(walLike(3000));
  for (let length = 0; length < frame.length; length++) expect(frameLength(frame.subarray(0, length))).toBeUndefined();
  const skippable = skippableFrame(0x184d2a5a, Buffer.alloc(7));
  for (let length = 0; length < 15; length++) expect(frameLength(skippable.subarray(0, length))).toBeUndefined();
});

test('a skippable frame has the length that it says', () => {
  const frame = skippableFrame(0x184d2a53, Buffer.alloc(300));
  expect(parseFrameHeader(frame)).toEqual({
    kind: 'skippable',
    headerBytes: 8,
    magic: 0x184d2a53,
    payloadBytes: 300,
  });
  expect(frameLength(frame)).toBe(308);
  const endless = Buffer.from('5f2a4d18ffffffff', 'hex');
  expect(parseFrameHeader(endless)).toMatchObject({ payloadBytes: 4294967295 });
  expect(frameLength(endless)).toBeUndefined();
});

describe('a malformed frame is damage', () => {
  const good = { contentSize: 100, blocks: [100] };
  test.each<[string, Buffer]>([
    ['no frame at all', Buffer.from('hello world')],
    ['a byte swapped magic', Buffer.from('fd2fb52800000000', 'hex')],
    ['the reserved bit', handmadeFrame({ ...good, descriptorBits: 0b1000 })],
    ['the unused bit', handmadeFrame({ ...good, descriptorBits: 0b10000 })],
    ['a dictionary of one byte', handmadeFrame({ ...good, descriptorBits: 1 })],
    ['a dictionary of four bytes', handmadeFrame({ ...good, descriptorBits: 3 })],
    ['a size of 2^64 - 1', handmadeFrame({ ...good, contentSize: 2n ** 64n - 1n })],
    ['a size of 2^53', handmadeFrame({ ...good, contentSize: 2n ** 53n })],
    ['a block of more than 128 KiB', handmadeFrame({ contentSize: 131_073, blocks: [131_073] })],
    ['a block of 2 MiB', handmadeFrame({ contentSize: 2 ** 21 - 1, blocks: [2 ** 21 - 1] })],
    ['a reserved block type', Buffer.from('28b52ffd0038070000', 'hex')],
  ])('%s', (_what, bytes) => {
    failureOf('damaged', () => frameLength(bytes));
  });

  test('a block that is greater than the window', () => {
    // Window of 1 KiB, a repeated byte to 1025.
    const block = ((1025 << 3) | 3).toString(16).padStart(6, '0');
    const littleEndian = block.match(/../g)?.toReversed().join('');
    failureOf('damaged', () => frameLength(Buffer.from(`28b52ffd0000${littleEndian}41`, 'hex')));
  });

  test('no bytes make the walk do anything but answer or refuse', () => {
    const start = fc.constantFrom('28b52ffd', '5a2a4d18', '');
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 64 }), (magic, rest) => {
        const bytes = Buffer.concat([Buffer.from(magic, 'hex'), rest]);
        try {
          const length = frameLength(bytes);
          expect(length === undefined || (length > 4 && length <= bytes.length)).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'damaged' });
        }
      }),
      { numRuns: 2000 },
    );
  });
});
