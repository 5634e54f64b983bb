/** Content that comes in pieces which are overwritten by the next one; that they say the same of every file is expected by decodedFile. */
import { expect, test } from 'vitest';
import { formatLabelFrame } from '../../../packages/core/src/codec/content-label.ts';
import { decodeStored } from '../../../packages/core/src/codec/stored-decoder.ts';
import { walLike } from './content.ts';
import { handmadeFrame } from './handmade-frame.ts';
import { decodedPassing, failureFrom, inChunks, storedOf } from './stored.ts';

const mib = 2 ** 20;

test('a frame that is as long as the file may be is digested only if that is wanted always', async () => {
  const raw = walLike(700_000);
  const { frames, stored, rawDigest } = await storedOf([raw]);
  const wrong = Buffer.concat([...frames, formatLabelFrame({ rawSizeBytes: raw.length, rawDigest: 'ab'.repeat(32) })]);
  const alone = { minRawSizeBytes: raw.length, maxRawSizeBytes: raw.length };
  const ofSeveral = { digest: 'of_several_frames' } as const;
  expect((await decodedPassing(inChunks(stored, 999), alone, ofSeveral)).content.equals(raw)).toBe(true);
  const taken = await decodedPassing(inChunks(wrong, 999), alone, ofSeveral);
  expect(taken.summary.rawDigest).toBe('ab'.repeat(32));
  await failureFrom('damaged', decodedPassing(inChunks(wrong, 999), alone));
  const roomForMore = { maxRawSizeBytes: raw.length + 1 };
  await failureFrom('damaged', decodedPassing(inChunks(wrong, 999), roomForMore, ofSeveral));
  const { summary } = await decodedPassing(inChunks(stored, 999), roomForMore, ofSeveral);
  expect(summary.rawDigest).toBe(rawDigest);
  // Without the checksum that ends the frame, and with another one.
  const [frame = Buffer.alloc(0)] = frames;
  const label = stored.subarray(frame.length);
  const cut = Buffer.concat([frame.subarray(0, -4), label]);
  const other = Buffer.concat([frame.subarray(0, -4), Buffer.from('beef'), label]);
  for (const file of [cut, other]) await failureFrom('damaged', decodedPassing(inChunks(file, 999), alone, ofSeveral));
});

test('a frame is given up as soon as it holds more than it says', async () => {
  const bomb = handmadeFrame({ contentSize: 300_000, blocks: Array.from({ length: 16_000 }, () => 2 ** 17) });
  let pieces = 0;
  const decoder = decodeStored(inChunks(bomb, 65_536), { maxRawSizeBytes: mib }, { pieces: 'passing' });
  const all = (async () => {
    for await (const _ of decoder) pieces += 1;
  })();
  await failureFrom('damaged', all);
  expect(pieces).toBeLessThan(2);
});

test('they are as large as is asked for, all but the last of a frame', async () => {
  const content = [walLike(700_000, 1), walLike(262_144, 2), walLike(3, 3)];
  const { stored } = await storedOf(content);
  const limits = { maxRawSizeBytes: mib };
  for (const [pieceBytes, sizes] of [
    [262_144, [262_144, 262_144, 175_712, 262_144, 3]],
    [1_000_000, [700_000, 262_144, 3]],
  ] as const) {
    const found: number[] = [];
    const copies: Buffer[] = [];
    for await (const piece of decodeStored(inChunks(stored, 9999), limits, { pieces: 'passing', pieceBytes })) {
      found.push(piece.length);
      copies.push(Buffer.from(piece));
    }
    expect(found).toEqual(sizes);
    expect(Buffer.concat(copies).equals(Buffer.concat(content))).toBe(true);
  }
});

test('what a frame left that was not read to its end is not in the next one', async () => {
  const { stored } = await storedOf([walLike(700_000, 1)]);
  const limits = { maxRawSizeBytes: mib };
  for (let round = 0; round < 5; round += 1) {
    for await (const _ of decodeStored(inChunks(stored, 9999), limits, { pieces: 'passing' })) break;
    await failureFrom('damaged', decodedPassing(inChunks(stored.subarray(0, -9), 9999), limits));
    const { content } = await decodedPassing(inChunks(stored, 9999), limits);
    expect(content.equals(walLike(700_000, 1))).toBe(true);
  }
});

test('a reader may leave while the next piece is made, and others do not notice', async () => {
  const contents = [1, 2, 3, 4].map((seed) => walLike(700_000, seed));
  const files = await Promise.all(contents.map(async (content) => (await storedOf([content])).stored));
  const limits = { maxRawSizeBytes: mib };
  for (let round = 0; round < 5; round += 1) {
    const leaving = decodeStored(inChunks(files[0] as Buffer, 9999), limits, { pieces: 'passing' });
    const others = files.map((file) => decodedPassing(inChunks(file, 9999), limits));
    const next = leaving.next();
    const left = leaving.return({} as never);
    expect((await next).done).toBe(false);
    await left;
    for (const [index, { content }] of (await Promise.all(others)).entries()) {
      expect(content.equals(contents[index] as Buffer)).toBe(true);
    }
  }
});

test('frames in another order are found where there can be several', async () => {
  const { frames, label } = await storedOf([walLike(700, 1), walLike(700, 2)]);
  const [a, b] = frames as [Buffer, Buffer];
  for (const order of [[b, a], [a], [b], [a, a], [a, b, b], [a, a, b]]) {
    const file = inChunks(Buffer.concat([...order, label]), 300);
    await failureFrom('damaged', decodedPassing(file, { maxRawSizeBytes: 1400 }, { digest: 'of_several_frames' }));
  }
});
