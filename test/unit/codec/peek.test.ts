import * as zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { peekPrefixBytes, peekRaw } from '../../../packages/core/src/codec/peek.ts';
import { failureOf } from '../wal/expect-failure.ts';
import { walLike } from './content.ts';
import { handmadeFrame } from './handmade-frame.ts';
import { frameOf, storedOf } from './stored.ts';

const raw = walLike(2 ** 20);
const noise = Buffer.from(
  zlib.brotliCompressSync(walLike(2 ** 22, 7), { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }),
);

function compress(content: Buffer, level: number): Buffer {
  return zlib.zstdCompressSync(content, { params: { [zlib.constants.ZSTD_c_compressionLevel]: level } });
}

test('the first bytes of a stored segment are read from its beginning', async () => {
  const { stored } = await storedOf([raw]);
  for (const count of [1, 40, 8192]) {
    expect(peekRaw(stored, count)?.equals(raw.subarray(0, count))).toBe(true);
    expect(peekRaw(stored.subarray(0, peekPrefixBytes), count)?.equals(raw.subarray(0, count))).toBe(true);
  }
});

test('more bytes are asked for until the first block is there, and the answer does not change after', async () => {
  const { stored } = await storedOf([raw]);
  let answered = false;
  for (let length = 0; length < 60_000; length += 97) {
    const answer = peekRaw(stored.subarray(0, length), 40);
    if (answered || answer !== undefined) expect(answer?.equals(raw.subarray(0, 40))).toBe(true);
    answered ||= answer !== undefined;
  }
  expect(answered).toBe(true);
});

test('the prefix that always suffices does, for every level and for content that does not compress', () => {
  for (const content of [raw, noise, Buffer.alloc(2 ** 20)]) {
    for (const level of [-5, 1, 3, 9, 19]) {
      const prefix = compress(content, level).subarray(0, peekPrefixBytes);
      expect(peekRaw(prefix, 8192)?.equals(content.subarray(0, 8192))).toBe(true);
    }
  }
});

test('small first blocks are put together', () => {
  const frame = handmadeFrame({ contentSize: 30, blocks: [10, 10, 10] });
  expect(peekRaw(frame, 30)).toEqual(Buffer.alloc(30, 0x41));
  expect(peekRaw(frame.subarray(0, -1), 20)).toEqual(Buffer.alloc(20, 0x41));
  expect(peekRaw(frame.subarray(0, -1), 30)).toBeUndefined();
  expect(peekRaw(handmadeFrame({ contentSize: 90, blocks: Array.from({ length: 9 }, () => 10) }), 90)).toBeUndefined();
});

test('the output of a peek is bounded: eight blocks at most', () => {
  const bomb = handmadeFrame({ contentSize: 2 ** 30, blocks: Array.from({ length: 9000 }, () => 2 ** 17) });
  expect(peekRaw(bomb, 8192)).toEqual(Buffer.alloc(8192, 0x41));
});

test('a frame that is shorter than the peek gives what it has', async () => {
  expect(peekRaw(await frameOf(Buffer.from('short')), 40)?.toString()).toBe('short');
});

test('a frame that holds less than it says is damage', () => {
  failureOf('damaged', () => peekRaw(handmadeFrame({ contentSize: 40, blocks: [10, 10] }), 40));
});

test('plain content is itself', () => {
  const history = Buffer.from('1\t0/3000000\tx\n');
  expect(peekRaw(history, 5)?.toString()).toBe('1\t0/3');
  expect(peekRaw(history, 40)).toBeUndefined();
  expect(peekRaw(history.subarray(0, 3), 1)).toBeUndefined();
});

test('what cannot be read gives no answer, or damage', async () => {
  expect(peekRaw(zlib.gzipSync(raw), 40)).toBeUndefined();
  const { label, frames } = await storedOf([raw, raw]);
  failureOf('damaged', () => peekRaw(label, 40));
  const broken = Buffer.from(frames[0]!);
  broken.fill(0xff, 14, 200);
  failureOf('damaged', () => peekRaw(broken, 40));
});

test('a peek is for 1 to 8192 bytes', () => {
  for (const count of [0, 8193, -1]) expect(() => peekRaw(raw, count)).toThrow(RangeError);
});
