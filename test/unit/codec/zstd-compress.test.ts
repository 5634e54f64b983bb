import { describe, expect, test } from 'vitest';
import { compressFrame } from '../../../packages/core/src/codec/zstd-compress.ts';
import { decompressFrame } from '../../../packages/core/src/codec/zstd-decompress.ts';
import { walLike } from './content.ts';
import { joined } from './stored.ts';

const mib = 2 ** 20;
const limits = { maxRawSizeBytes: 2 ** 26, requireChecksum: true };

test('a frame comes while its content does, and however that is cut the frame holds it', async () => {
  const content = noise(4 * mib);
  let given = 0;
  async function* quarters(): AsyncGenerator<Buffer> {
    for (let at = 0; at < content.length; at += mib) {
      given += 1;
      yield content.subarray(at, at + mib);
    }
  }
  const frame: Buffer[] = [];
  const givenWithPart: number[] = [];
  for await (const part of compressFrame(content.length, quarters())) {
    frame.push(part);
    givenWithPart.push(given);
  }
  expect(givenWithPart[0]).toBe(1);
  expect((await decompressFrame(Buffer.concat(frame), limits)).equals(content)).toBe(true);
});

describe('content of another size than was said is an error', () => {
  test.each([
    [1000, 999],
    [1000, 1001],
    [mib, 2 * mib],
    [1, 0],
  ])('%d bytes said, %d come', async (said, come) => {
    await expect(joined(compressFrame(said, come === 0 ? [] : [walLike(come)]))).rejects.toThrow();
  });
});

test('what the content throws is thrown, and who stops asking ends it', async () => {
  let ended = false;
  async function* broken(): AsyncGenerator<Buffer> {
    try {
      yield noise(mib);
      throw new Error('the disk is gone');
    } finally {
      ended = true;
    }
  }
  await expect(joined(compressFrame(2 * mib, broken()))).rejects.toThrow('the disk is gone');
  ended = false;
  for await (const _ of compressFrame(2 * mib, broken())) break;
  expect(ended).toBe(true);
});

/** What does not get smaller, so that the frame is as long as its content. */
function noise(bytes: number): Buffer {
  const words = new Uint32Array(bytes / 4);
  let state = 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return Buffer.from(words.buffer);
}
