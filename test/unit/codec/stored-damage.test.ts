import * as zlib from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatLabelFrame } from '../../../packages/core/src/codec/content-label.ts';
import { walLike } from './content.ts';
import { handmadeFrame, skippableFrame } from './handmade-frame.ts';
import {
  type Decoded,
  decoded,
  decodedFile,
  decodedPassing,
  failureFrom,
  frameOf,
  inChunks,
  labelFor,
  labelled,
  storedOf,
} from './stored.ts';

const mib = 2 ** 20;

type Outcome = Omit<Decoded, 'pieces'>;

/**
 * Decoded as a whole and in passing pieces, undefined where it is refused as damaged. A bit that changes nothing of the content may be
 * refused by one and taken by the other: libzstd grows stricter (of a 2 MiB frame 1.5.4 takes one that the runtime's refuses).
 */
async function decodedOrRefused(stored: Buffer): Promise<(Outcome | undefined)[]> {
  const limits = { maxRawSizeBytes: 2 ** 30 };
  const whole = decoded(inChunks(stored, 65_536), limits);
  const outcomes = [whole, decodedPassing(inChunks(stored, 65_536), limits)].map((outcome) =>
    outcome.catch(damagedOnly),
  );
  return await Promise.all<Outcome | undefined>(outcomes);
}

function damagedOnly(error: unknown): undefined {
  expect(error).toMatchObject({ code: 'damaged' });
}

describe('a damaged file is refused', () => {
  test('without its last 1 to 20 bytes, in one frame or two', async () => {
    for (const pieces of [[walLike(50_000)], [walLike(50_000), walLike(500, 2)]]) {
      const { stored } = await storedOf(pieces);
      for (let cut = 1; cut <= 20; cut++) await failureFrom('damaged', decodedFile(stored.subarray(0, -cut)));
    }
  });

  test('of one frame, cut anywhere', async () => {
    const { stored } = await storedOf([walLike(700)]);
    for (let length = 0; length < stored.length; length++) {
      await failureFrom('damaged', decodedFile(stored.subarray(0, length)));
    }
  });

  test('cut at any frame boundary but the first; there, the expected size tells', async () => {
    const { stored, frames } = await storedOf([walLike(900, 1), walLike(800, 2), walLike(700, 3)]);
    const first = frames[0]!.length;
    const second = first + frames[1]!.length;
    const third = second + frames[2]!.length;
    await failureFrom('damaged', decodedFile(stored.subarray(0, third)));
    await failureFrom('damaged', decodedFile(stored.subarray(0, second)));
    const limits = { minRawSizeBytes: 2400, maxRawSizeBytes: 2400 };
    await failureFrom('damaged', decodedFile(stored.subarray(0, first), limits));
    expect((await decodedFile(stored, limits)).summary.labelled).toBe(true);
  });

  test('with any bit flipped, unless the content is the same all the same', async () => {
    const raw = walLike(700);
    const { stored, frames } = await storedOf([raw]);
    let unharmed = 0;
    for (let bit = 0; bit < stored.length * 8; bit++) {
      const flipped = Buffer.from(stored);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      for (const result of await decodedOrRefused(flipped)) {
        if (result === undefined || result.summary.format === 'plain') continue;
        // Some bits of a compressed block have no meaning; none of the label has.
        expect(result.content.equals(raw)).toBe(true);
        expect(bit >> 3).toBeLessThan(frames[0]!.length);
        unharmed += 1;
      }
    }
    expect(unharmed).toBeLessThan(64);
  });

  test('with random bits flipped in a large file', async () => {
    const raw = walLike(3 * mib);
    const { stored } = await storedOf([raw.subarray(0, 2 * mib), raw.subarray(2 * mib)]);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 32, max: stored.length * 8 - 1 }), async (bit) => {
        const flipped = Buffer.from(stored);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        for (const result of await decodedOrRefused(flipped)) {
          expect(result === undefined || result.content.equals(raw)).toBe(true);
        }
      }),
      // Of the example the two say different things, where the system's libzstd is 1.5.4.
      { numRuns: 300, examples: [[727_016]] },
    );
  });

  test('with anything behind the label', async () => {
    const { stored, frames, label } = await storedOf([walLike(700, 1), walLike(700, 2)]);
    for (const rest of [Buffer.from([0]), Buffer.alloc(4096), label, frames[0]!]) {
      const { message } = await failureFrom('damaged', decodedFile(Buffer.concat([stored, rest])));
      expect(message).toContain('after its label');
    }
  });

  test('with anything behind its one frame', async () => {
    const { stored, frames } = await storedOf([walLike(700)]);
    for (const rest of [Buffer.from([0]), Buffer.alloc(4096), frames[0]!, frames[0]!.subarray(0, -1)]) {
      await failureFrom('damaged', decodedFile(Buffer.concat([stored, rest])));
    }
  });

  test('with a label of other content', async () => {
    const { frames, label, rawDigest } = await storedOf([walLike(700, 1), walLike(700, 2)]);
    const other = await storedOf([walLike(700, 3), walLike(700, 4)]);
    expect(other.rawDigest).not.toBe(rawDigest);
    const digest = await failureFrom('damaged', decodedFile(Buffer.concat([...other.frames, label])));
    expect(digest.message).toContain(rawDigest);
    expect(digest.message).toContain(other.rawDigest);
    const wrongSize = formatLabelFrame({ rawSizeBytes: 1401, rawDigest });
    expect((await failureFrom('damaged', decodedFile(Buffer.concat([...frames, wrongSize])))).message).toContain(
      '1401',
    );
  });

  test.each(['always', 'of_several_frames'] as const)(
    'with its frames in another order, one missing, or one twice, the digest wanted %s',
    async (digest) => {
      const { frames, label } = await storedOf([walLike(700, 1), walLike(700, 2)]);
      const [a, b] = frames as [Buffer, Buffer];
      for (const order of [[b, a], [a], [b], [a, a], [a, b, b], [a, a, b]]) {
        await failureFrom('damaged', decodedFile(Buffer.concat([...order, label]), undefined, { digest }));
      }
    },
  );

  test('in one frame with a bit flipped anywhere, without a digest too', async () => {
    const raw = walLike(2000);
    const { stored, frames } = await storedOf([raw]);
    for (let bit = 32; bit < frames[0]!.length * 8; bit++) {
      const flipped = Buffer.from(stored);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      const result = await decodedFile(flipped, undefined, { digest: 'of_several_frames' }).catch(() => undefined);
      expect(result === undefined || result.content.equals(raw)).toBe(true);
    }
  });

  test('empty, too short, only a label, only a magic', async () => {
    const { label } = await storedOf([walLike(700)]);
    for (const bytes of ['', '28', '28b5', '28b52f', '28b52ffd', '31', '5a2a4d18']) {
      await failureFrom('damaged', decodedFile(Buffer.from(bytes, 'hex')));
    }
    await failureFrom('damaged', decodedFile(label));
    await failureFrom('damaged', decodedFile(labelFor(Buffer.alloc(0))));
  });

  test('with another skippable frame than the label', async () => {
    const { frames, label } = await storedOf([walLike(700)]);
    const file = (frame: Buffer) => decodedFile(Buffer.concat([...frames, frame]));
    await failureFrom('damaged', file(skippableFrame(0x184d2a50, label.subarray(8))));
    await failureFrom('damaged', file(skippableFrame(0x184d2a5a, Buffer.alloc(44))));
    await failureFrom('damaged', file(skippableFrame(0x184d2a5a, Buffer.concat([label.subarray(8), Buffer.alloc(1)]))));
    await failureFrom('damaged', file(Buffer.from('5a2a4d18ffffffff', 'hex')));
  });

  test('with an empty frame', async () => {
    const empty = zlib.zstdCompressSync(Buffer.alloc(0), { params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } });
    const raw = walLike(700);
    await failureFrom('damaged', decodedFile(empty));
    await failureFrom('damaged', decodedFile(labelled([await frameOf(raw), empty], raw)));
  });
});

describe('a file that would grow without end is refused', () => {
  test('more raw content than the limit, in one frame or over several', async () => {
    const { stored } = await storedOf([walLike(600, 1), walLike(400, 2)]);
    expect((await decodedFile(stored, { maxRawSizeBytes: 1000 })).summary.rawSizeBytes).toBe(1000);
    for (const maxRawSizeBytes of [999, 600, 599, 0]) {
      await failureFrom('damaged', decodedFile(stored, { maxRawSizeBytes }));
    }
  });

  test('a frame that holds more than it says', async () => {
    for (const contentSize of [2 ** 17, 16 * mib, 16 * mib + 1, 64 * mib]) {
      const blocks = Array.from({ length: 1000 }, () => 2 ** 17);
      await failureFrom('damaged', decodedFile(handmadeFrame({ contentSize, blocks })));
    }
  });

  test('absurd sizes, before anything is read', async () => {
    for (const contentSize of [2n ** 64n - 1n, 2n ** 53n, 2n ** 53n - 1n, 2n ** 32n - 1n, 2n ** 31n]) {
      const start = handmadeFrame({ contentSize, blocks: [1] }).subarray(0, 14);
      async function* source(): AsyncGenerator<Buffer> {
        yield start;
        throw new Error('read on');
      }
      await failureFrom('damaged', decoded(source(), { maxRawSizeBytes: 2 ** 30 }));
    }
  });

  test('a frame of endless empty blocks is given up', async () => {
    let readBytes = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      yield handmadeFrame({ contentSize: 1000, blocks: [1] }).subarray(0, 14);
      for (;;) {
        readBytes += 3000;
        yield Buffer.alloc(3000);
      }
    }
    await failureFrom('damaged', decoded(endless(), { maxRawSizeBytes: 1000 }));
    expect(readBytes).toBeLessThan(100_000);
  });
});
