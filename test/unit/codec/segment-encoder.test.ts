import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { formatLabelFrame, parseLabelPayload } from '../../../packages/core/src/codec/content-label.ts';
import { SegmentEncoder } from '../../../packages/core/src/codec/segment-encoder.ts';
import { failureOf } from '../wal/expect-failure.ts';
import { walLike } from './content.ts';
import { decodedFile, joined, overwritten, storedOf } from './stored.ts';

const pieces = [walLike(300_000, 1), walLike(1, 2), walLike(70_000, 3)];

test('the label has the size and the SHA-256 of all pieces', async () => {
  const encoder = new SegmentEncoder(pieces.length);
  for (const piece of pieces) await joined(encoder.encode(piece.length, [piece]));
  const label = encoder.finish();
  const digest = createHash('sha256').update(Buffer.concat(pieces)).digest('hex');
  expect(label?.toString('hex')).toBe(`5a2a4d182c00000041324c3151a5050000000000${digest}`);
});

test('one frame has no label: it is what the zstd program makes', async () => {
  const encoder = new SegmentEncoder(1);
  const content = walLike(300_000, 1);
  const frame = await joined(encoder.encode(content.length, [content]));
  expect(encoder.finish()).toBeUndefined();
  const { summary } = await decodedFile(frame);
  expect(summary).toMatchObject({ rawSizeBytes: 300_000, labelled: false });
});

test('the content of a piece may come in parts, and what becomes of each part does not matter once the next one is asked for', async () => {
  const encoder = new SegmentEncoder(pieces.length);
  const frames: Buffer[] = [];
  for (const piece of pieces) frames.push(await joined(encoder.encode(piece.length, overwritten(piece, 9999))));
  const stored = Buffer.concat([...frames, encoder.finish() ?? Buffer.alloc(0)]);
  expect((await decodedFile(stored)).content.equals(Buffer.concat(pieces))).toBe(true);
  const label = (await storedOf(pieces)).label;
  expect(stored.subarray(-label.length).equals(label)).toBe(true);
});

test('as many pieces as were announced, and nothing is no file', async () => {
  expect(() => new SegmentEncoder(0)).toThrow('empty');
  const encoder = new SegmentEncoder(2);
  const next = () => joined(encoder.encode(10, [walLike(10)]));
  await next();
  expect(() => encoder.finish()).toThrow('1 of 2');
  await next();
  await expect(next()).rejects.toThrow('only 2');
  encoder.finish();
  expect(() => encoder.finish()).toThrow('finished');
});

test('a label with another tag, version, length or an absurd size is damage', () => {
  const payload = formatLabelFrame({ rawSizeBytes: 7, rawDigest: '00'.repeat(32) }).subarray(8);
  expect(parseLabelPayload(payload)).toEqual({ rawSizeBytes: 7, rawDigest: '00'.repeat(32) });
  for (const at of [0, 1, 2, 3]) {
    const changed = Buffer.from(payload);
    changed[at]! ^= 1;
    failureOf('damaged', () => parseLabelPayload(changed));
  }
  failureOf('damaged', () => parseLabelPayload(payload.subarray(0, -1)));
  failureOf('damaged', () => parseLabelPayload(Buffer.concat([payload, Buffer.alloc(1)])));
  const endless = Buffer.from(payload);
  endless.fill(0xff, 4, 12);
  failureOf('damaged', () => parseLabelPayload(endless));
});

const hasZstd = spawnSync('zstd', ['--version']).status === 0;

test.skipIf(!hasZstd)('the zstd program decompresses a stored segment', async () => {
  const { stored } = await storedOf(pieces);
  const { status, stdout } = spawnSync('zstd', ['-dc'], { input: stored, maxBuffer: 2 ** 24 });
  expect(status).toBe(0);
  expect(stdout.equals(Buffer.concat(pieces))).toBe(true);
});
