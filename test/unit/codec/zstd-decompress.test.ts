import { describe, expect, test } from 'vitest';
import { PIECE_SIZE } from '../../../packages/core/src/codec/piece-size.ts';
import { decompressFrame } from '../../../packages/core/src/codec/zstd-decompress.ts';
import { walLike } from './content.ts';
import { handmadeFrame, skippableFrame } from './handmade-frame.ts';
import { failureFrom, frameOf } from './stored.ts';

const limits = { maxRawSizeBytes: 2 ** 26, requireChecksum: true };
const foreign = { ...limits, requireChecksum: false };

test.each([1, 40, 8192, 131_073, 2 ** 20, PIECE_SIZE])('%d bytes come back from a frame', async (size) => {
  const raw = walLike(size);
  expect((await decompressFrame(await frameOf(raw), limits)).equals(raw)).toBe(true);
});

test('a piece is compressed only if it has 1 byte to 16 MiB', async () => {
  await expect(frameOf(Buffer.alloc(0))).rejects.toThrow(RangeError);
  await expect(frameOf(Buffer.alloc(PIECE_SIZE + 1))).rejects.toThrow(RangeError);
});

describe('anything but one complete frame is damage', () => {
  test('a frame without its last 1 to 20 bytes', async () => {
    const frame = await frameOf(walLike(100_000));
    for (let cut = 1; cut <= 20; cut++) {
      const { message } = await failureFrom('damaged', decompressFrame(frame.subarray(0, -cut), limits));
      expect(message).toContain('ends within');
    }
  });

  test('two frames, a skippable frame behind, and a byte behind', async () => {
    const frame = await frameOf(walLike(5000));
    for (const rest of [frame, skippableFrame(0x184d2a5a, Buffer.alloc(0)), Buffer.from([0])]) {
      const { message } = await failureFrom('damaged', decompressFrame(Buffer.concat([frame, rest]), limits));
      expect(message).toContain(`${rest.length} bytes after`);
    }
  });

  test('nothing, a skippable frame, and no frame', async () => {
    for (const bytes of [Buffer.alloc(0), skippableFrame(0x184d2a5a, Buffer.alloc(0)), Buffer.from('hello world')]) {
      await failureFrom('damaged', decompressFrame(bytes, limits));
    }
  });

  test('a frame with another checksum', async () => {
    const frame = Buffer.from(await frameOf(walLike(5000)));
    frame.writeUInt32LE((frame.readUInt32LE(frame.length - 4) ^ 1) >>> 0, frame.length - 4);
    expect((await failureFrom('damaged', decompressFrame(frame, limits))).cause).toBeDefined();
  });

  test('a frame without a checksum, unless it is not ours', async () => {
    const frame = handmadeFrame({ contentSize: 100, blocks: [100] });
    await failureFrom('damaged', decompressFrame(frame, limits));
    expect(await decompressFrame(frame, foreign)).toEqual(Buffer.alloc(100, 0x41));
  });

  test('a frame without its content size', async () => {
    await failureFrom('damaged', decompressFrame(handmadeFrame({ blocks: [100] }), foreign));
  });

  test('a frame that says more than the limit', async () => {
    const frame = await frameOf(walLike(5000));
    expect(await decompressFrame(frame, { ...limits, maxRawSizeBytes: 5000 })).toHaveLength(5000);
    await failureFrom('damaged', decompressFrame(frame, { ...limits, maxRawSizeBytes: 4999 }));
  });

  test.each([
    ['more', 100, [100, 1]],
    ['less', 100, [99]],
    ['much more', 2 ** 20, Array.from({ length: 8000 }, () => 2 ** 17)],
    ['more than 16 MiB in a frame that says 16 MiB', 2 ** 24, Array.from({ length: 8000 }, () => 2 ** 17)],
    ['more than it says above 16 MiB', 2 ** 24 + 1, Array.from({ length: 8000 }, () => 2 ** 17)],
    ['less than it says above 16 MiB', 2 ** 25, [2 ** 17]],
  ])('a frame that holds %s', async (_what, contentSize, blocks) => {
    await failureFrom('damaged', decompressFrame(handmadeFrame({ contentSize, blocks }), foreign));
  });
});
