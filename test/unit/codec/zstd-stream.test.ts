import { execFileSync } from 'node:child_process';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decompressStream } from '../../../packages/core/src/codec/zstd-stream.ts';
import { walLike } from './content.ts';

async function* pieces(bytes: Buffer, pieceBytes: number): AsyncGenerator<Buffer> {
  // One buffer for all, as a follower of a file has it.
  const buffer = Buffer.alloc(pieceBytes);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    const count = bytes.copy(buffer, 0, at, at + pieceBytes);
    yield buffer.subarray(0, count);
  }
}

async function decompress(bytes: Buffer, pieceBytes = 1000): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of decompressStream(pieces(bytes, pieceBytes))) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

/** As PostgreSQL does it: one frame without its content size, by default without a checksum. */
function asServer(content: Buffer, checksum: '--check' | '--no-check' = '--no-check'): Buffer {
  return execFileSync('zstd', ['-1', '-cq', checksum], { input: content, maxBuffer: 2 ** 30 });
}

describe('a zstd frame that is decompressed as it comes', () => {
  test('gives its content, whatever the size of the pieces', async () => {
    const content = walLike(3_000_000);
    const frame = asServer(content);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1000, max: 400_000 }), async (pieceBytes) => {
        expect((await decompress(frame, pieceBytes)).equals(content)).toBe(true);
      }),
      { numRuns: 10 },
    );
    expect((await decompress(asServer(walLike(900)), 1)).equals(walLike(900))).toBe(true);
  });

  test('gives content that ends just where a piece ends', async () => {
    for (const sizeBytes of [2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1, 2 ** 20]) {
      const content = walLike(sizeBytes);
      expect((await decompress(asServer(content), 1 << 20)).equals(content)).toBe(true);
    }
  });

  test('gives what the decompressor holds back when a piece is full and nothing more comes', async () => {
    // Blocks that end within a piece; the zstd program makes all but the last as long as they can be.
    const compressor = zlib.createZstdCompress();
    const content = walLike(300_000);
    for (let at = 0; at < content.length; at += 100_000) {
      compressor.write(content.subarray(at, at + 100_000));
      await new Promise<void>((resolve) => compressor.flush(() => resolve()));
    }
    const frame = Buffer.concat(await compressor.end().toArray());
    expect((await decompress(frame, frame.length)).equals(content)).toBe(true);
  });

  test('leaves the process time for others, however much comes of a little', async () => {
    const bomb = asServer(Buffer.alloc(200 * 2 ** 20));
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 0);
    for await (const _ of decompressStream(pieces(bomb, bomb.length))) continue;
    clearInterval(timer);
    expect(bomb.length).toBeLessThan(100_000);
    expect(turns).toBeGreaterThan(2);
  });

  test('is damaged with any of its last bytes missing, and empty', async () => {
    for (const checksum of ['--check', '--no-check'] as const) {
      const frame = asServer(walLike(20_000), checksum);
      for (let missing = 1; missing <= Math.min(400, frame.length); missing += 1) {
        await expect(decompress(frame.subarray(0, frame.length - missing))).rejects.toMatchObject({ code: 'damaged' });
      }
    }
    await expect(decompress(Buffer.alloc(0))).rejects.toMatchObject({ code: 'damaged' });
  });

  test('is damaged with anything after its end', async () => {
    const frame = asServer(walLike(20_000));
    for (const behind of [Buffer.from([0]), frame, Buffer.alloc(5000)]) {
      await expect(decompress(Buffer.concat([frame, behind]))).rejects.toMatchObject({ code: 'damaged' });
    }
  });

  test('with one bit flipped is damaged, or gives other content', async () => {
    const content = walLike(20_000);
    const frame = asServer(content);
    let unnoticed = 0;
    await fc.assert(
      fc.asyncProperty(fc.nat(frame.length * 8 - 1), async (bit) => {
        const flipped = Buffer.from(frame);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const result = await decompress(flipped).catch((error: { code?: string }) => error.code);
        if (!(result instanceof Buffer)) expect(result).toBe('damaged');
        else if (result.equals(content)) unnoticed += 1;
      }),
      { numRuns: 300 },
    );
    // Of 25,344 bits these change nothing: eight of the window's size, and two that pad.
    expect(unnoticed).toBeLessThan(5);
  });

  test('ends for a reader who stops early, and with the error of its source', async () => {
    const frame = asServer(walLike(3_000_000));
    for await (const _ of decompressStream(pieces(frame, 1000))) break;
    async function* failing(): AsyncGenerator<Buffer> {
      yield frame.subarray(0, 5000);
      throw new Error('the source');
    }
    await expect(
      (async () => {
        for await (const _ of decompressStream(failing())) continue;
      })(),
    ).rejects.toThrow('the source');
  });
});
