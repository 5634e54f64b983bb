import { spawnSync } from 'node:child_process';
import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLabelFrame } from '../../../packages/core/src/codec/content-label.ts';
import { decodeBuffer } from '../../../packages/core/src/codec/decode-buffer.ts';
import { decodeStored } from '../../../packages/core/src/codec/stored-decoder.ts';
import { walLike } from './content.ts';
import { decoded, decodedFile, failureFrom, inChunks, labelled, sha256, storedOf } from './stored.ts';

const mib = 2 ** 20;

describe('what was stored comes back', () => {
  test('in one piece, or several and labelled, with its digest', async () => {
    const pieces = [walLike(200_000, 1), walLike(100, 2), walLike(140_000, 3)];
    for (const count of [1, 2, 3]) {
      const raw = Buffer.concat(pieces.slice(0, count));
      const { stored, rawDigest } = await storedOf(pieces.slice(0, count));
      const { content, pieces: got, summary } = await decodedFile(stored);
      expect(content.equals(raw)).toBe(true);
      expect(got).toHaveLength(count);
      expect(rawDigest).toBe(sha256(raw));
      expect(summary).toEqual({ format: 'zstd', rawSizeBytes: raw.length, rawDigest, labelled: count > 1 });
    }
  });

  test('with a digest that was computed only where there are several frames', async () => {
    const options = { digest: 'of_several_frames' } as const;
    const one = await storedOf([walLike(700)]);
    // The label's word, right or wrong.
    const wrong = formatLabelFrame({ rawSizeBytes: 700, rawDigest: 'ab'.repeat(32) });
    const taken = await decodedFile(Buffer.concat([...one.frames, wrong]), undefined, options);
    expect(taken.summary).toMatchObject({ rawDigest: 'ab'.repeat(32), labelled: true });
    const two = await storedOf([walLike(700, 1), walLike(700, 2)]);
    expect((await decodedFile(two.stored, undefined, options)).summary.rawDigest).toBe(two.rawDigest);
  });

  test('a segment of 40 MiB in three frames', async () => {
    const raw = walLike(40 * mib);
    const { stored, frames } = await storedOf([0, 16, 32].map((at) => raw.subarray(at * mib, (at + 16) * mib)));
    expect(frames).toHaveLength(3);
    const { content, summary } = await decodedFile(stored, { minRawSizeBytes: 40 * mib, maxRawSizeBytes: 40 * mib });
    expect(content.equals(raw)).toBe(true);
    expect(summary).toMatchObject({ rawSizeBytes: 40 * mib, labelled: true });
    for (let cut = 0, i = 0; i < 3; i++) {
      cut += frames[i]!.length;
      if (i > 0) await failureFrom('damaged', decodedFile(stored.subarray(0, cut)));
      await failureFrom('damaged', decodedFile(stored.subarray(0, cut + 20)));
      await failureFrom('damaged', decodedFile(stored.subarray(0, cut - 1)));
    }
  });

  test('whatever the size of the content and of the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 2000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 3000 }),
        async (arrays, chunkBytes) => {
          const pieces = arrays.map((array) => Buffer.from(array));
          const { stored } = await storedOf(pieces);
          const { content } = await decoded(inChunks(stored, chunkBytes), { maxRawSizeBytes: 10_000 });
          expect(content.equals(Buffer.concat(pieces))).toBe(true);
        },
      ),
    );
  });

  test('when the source reuses its buffer for every chunk', async () => {
    const { stored } = await storedOf([walLike(300_000)]);
    async function* reusing(): AsyncGenerator<Buffer> {
      const buffer = Buffer.alloc(1000);
      for (let at = 0; at < stored.length; at += 1000) {
        yield buffer.subarray(0, stored.copy(buffer, 0, at, at + 1000));
      }
    }
    expect((await decoded(reusing(), { maxRawSizeBytes: mib })).content.equals(walLike(300_000))).toBe(true);
  });

  test('as a buffer of the exact size', async () => {
    const pieces = [walLike(200_000, 1), walLike(100, 2)];
    const { stored } = await storedOf(pieces);
    expect((await decodeBuffer(stored, 200_100)).equals(Buffer.concat(pieces))).toBe(true);
    for (const size of [0, 200_099, 200_101]) await failureFrom('damaged', decodeBuffer(stored, size));
  });
});

describe('plain content is passed through', () => {
  const history = Buffer.from('1\t0/3000000\tno recovery target specified\n');

  test('a history file', async () => {
    for (const chunkBytes of [1, 3, 4, 5, 100]) {
      const { content, summary } = await decoded(inChunks(history, chunkBytes), { maxRawSizeBytes: 100 });
      expect(content.equals(history)).toBe(true);
      expect(summary).toEqual({
        format: 'plain',
        rawSizeBytes: history.length,
        rawDigest: sha256(history),
        labelled: false,
      });
    }
  });

  test('a legacy plain segment, within its size exactly', async () => {
    const page = Buffer.concat([Buffer.from('10d10200', 'hex'), walLike(mib - 4)]);
    const exactly = (size: number) => ({ minRawSizeBytes: size, maxRawSizeBytes: size });
    expect((await decodedFile(page, exactly(mib))).content.equals(page)).toBe(true);
    await failureFrom('damaged', decodedFile(page, exactly(mib - 1)));
    await failureFrom('damaged', decodedFile(page, exactly(mib + 1)));
  });

  test('an endless file is given up at the limit', async () => {
    let readBytes = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (;;) {
        readBytes += 1000;
        yield Buffer.alloc(1000, 'x');
      }
    }
    await failureFrom('damaged', decoded(endless(), { maxRawSizeBytes: 5000 }));
    expect(readBytes).toBe(6000);
  });
});

describe('files of the zstd program', () => {
  const raw = walLike(3 * mib);
  const hasZstd = spawnSync('zstd', ['--version']).status === 0;

  function compress(content: Buffer, checksum: boolean): Buffer {
    const { ZSTD_c_checksumFlag } = zlib.constants;
    return zlib.zstdCompressSync(content, { params: { [ZSTD_c_checksumFlag]: checksum ? 1 : 0 } });
  }

  test('a single frame, with or without a checksum, is read but is not labelled', async () => {
    for (const checksum of [true, false]) {
      const { content, summary } = await decodedFile(compress(raw, checksum));
      expect(content.equals(raw)).toBe(true);
      expect(summary).toEqual({ format: 'zstd', rawSizeBytes: raw.length, rawDigest: sha256(raw), labelled: false });
    }
  });

  test('a frame of up to 64 MiB is read', async () => {
    const large = Buffer.alloc(64 * mib, 'wal');
    const { summary } = await decodedFile(compress(large, true));
    expect(summary).toMatchObject({ rawSizeBytes: 64 * mib, rawDigest: sha256(large) });
    await failureFrom('damaged', decodedFile(compress(Buffer.alloc(64 * mib + 1), true)));
  });

  test('a frame that was cut anywhere is damage, with or without a checksum', async () => {
    for (const checksum of [true, false]) {
      const frame = compress(raw, checksum);
      for (let cut = 1; cut <= 20; cut++) await failureFrom('damaged', decodedFile(frame.subarray(0, -cut)));
    }
  });

  test('two frames, or a label behind a frame that cannot be ours, are damage', async () => {
    const checked = compress(raw, true);
    const unchecked = compress(raw, false);
    const twice = Buffer.concat([raw, raw]);
    await failureFrom('damaged', decodedFile(Buffer.concat([checked, checked])));
    await failureFrom('damaged', decodedFile(labelled([unchecked], raw)));
    await failureFrom('damaged', decodedFile(labelled([checked, unchecked], twice)));
    await failureFrom('damaged', decodedFile(labelled([unchecked, checked], twice)));
    const large = Buffer.alloc(16 * mib + 1);
    await failureFrom('damaged', decodedFile(labelled([compress(large, true)], large)));
    await failureFrom('damaged', decodedFile(labelled([checked, compress(large, true)], Buffer.concat([raw, large]))));
  });

  test.skipIf(!hasZstd)('a file of the zstd program itself is read', async () => {
    const { stdout } = spawnSync('zstd', ['-c', `--stream-size=${raw.length}`], { input: raw, maxBuffer: 2 ** 24 });
    expect((await decodedFile(stdout)).content.equals(raw)).toBe(true);
  });
});

test.each([
  ['gzip', zlib.gzipSync(walLike(1000))],
  ['bzip2', Buffer.from('BZh91AY&SY')],
  ['lz4', Buffer.from('04224d1864', 'hex')],
])('a %s file is not damaged, but not read yet', async (format, stored) => {
  const failure = await failureFrom('check_failed', decodedFile(stored));
  expect(failure.message).toContain(`${format}, which is not read yet`);
  expect(failure.hint).toContain(format);
});

describe('the source is closed', () => {
  async function closedAfter(stored: Buffer, use: (chunks: AsyncIterable<Buffer>) => Promise<unknown>) {
    let isClosed = false;
    async function* source(): AsyncGenerator<Buffer> {
      try {
        yield* inChunks(stored, 100);
      } finally {
        isClosed = true;
      }
    }
    await use(source()).catch(() => undefined);
    return isClosed;
  }

  test('after the end, after damage, and when the reader stops early', async () => {
    const { stored } = await storedOf([walLike(5000, 1), walLike(5000, 2)]);
    const trailing = Buffer.concat([stored, Buffer.alloc(1000)]);
    const limits = { maxRawSizeBytes: 10_000 };
    const stopEarly = async (chunks: AsyncIterable<Buffer>) => {
      for await (const piece of decodeStored(chunks, limits)) return piece;
      return undefined;
    };
    expect(await closedAfter(stored, (chunks) => decoded(chunks, limits))).toBe(true);
    expect(await closedAfter(trailing, (chunks) => decoded(chunks, limits))).toBe(true);
    expect(await closedAfter(stored, (chunks) => decoded(chunks, { maxRawSizeBytes: 10 }))).toBe(true);
    expect(await closedAfter(stored, stopEarly)).toBe(true);
    expect(await closedAfter(walLike(5000), stopEarly)).toBe(true);
  });

  test('an error of the source is passed on as it is', async () => {
    async function* failing(): AsyncGenerator<Buffer> {
      yield Buffer.from('28b52ffd', 'hex');
      throw new Error('EIO');
    }
    await expect(decoded(failing(), { maxRawSizeBytes: 10 })).rejects.toThrow('EIO');
  });
});
