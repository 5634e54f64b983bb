import { copyFileSync, readFileSync, renameSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EncodedBody } from '../../../packages/archive_cmd/src/ship/encoded-body.ts';
import { ReadBuffers } from '../../../packages/archive_cmd/src/ship/read-buffers.ts';
import { SourceFile } from '../../../packages/archive_cmd/src/ship/source-file.ts';
import { parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { fingerprintOf, nameOf, sha256 } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { decodedFile } from '../codec/stored.ts';
import { testWal } from './source.ts';

const name = nameOf(1);

async function opened(): Promise<{ source: SourceFile; content: Buffer; path: string }> {
  const path = testWal().add(name);
  return { source: await SourceFile.open(path, parseArchiveFileName(name)), content: readFileSync(path), path };
}

/** Its parts, copied when they come, and what then becomes of the buffer is nothing to them. */
async function copied(parts: AsyncIterable<Buffer>): Promise<Buffer> {
  const copies: Buffer[] = [];
  for await (const part of parts) {
    copies.push(Buffer.from(part));
    part.fill(0xee);
  }
  return Buffer.concat(copies);
}

test.each([7, 1000, 4096, 2 ** 21])('the content comes in halves of a buffer of %d bytes', async (bufferBytes) => {
  const { source, content } = await opened();
  const end = Math.min(content.length, 20 * bufferBytes);
  expect((await copied(source.read(0, end, Buffer.alloc(bufferBytes)))).equals(content.subarray(0, end))).toBe(true);
  expect((await copied(source.read(3, 5, Buffer.alloc(bufferBytes)))).equals(content.subarray(3, 8))).toBe(true);
  await source.close();
});

test('a file ends where it ends, and one that got shorter has changed', async () => {
  const { source, content, path } = await opened();
  const { length } = content;
  expect((await copied(source.read(length - 9, 100, Buffer.alloc(8)))).equals(content.subarray(-9))).toBe(true);
  truncateSync(path, length - 5);
  await failureFrom('source_changed', copied(source.read(length - 9, 100, Buffer.alloc(8))));
  await source.close();
});

test('who stops reading may have the buffer and close the file at once', async () => {
  const { source } = await opened();
  const buffer = Buffer.alloc(8192);
  for await (const _ of source.read(0, 100_000, buffer)) break;
  buffer.fill(0);
  await source.close();
  expect(buffer.every((byte) => byte === 0)).toBe(true);
});

test('the body is the same before and after it is whole, and says so only then', async () => {
  const { source, content } = await opened();
  const body = new EncodedBody(source, new ReadBuffers(1));
  body.prepare();
  const early = Buffer.concat((await Array.fromAsync(body.bursts())).flat());
  expect(body.summary()).toEqual({ sizeBytes: early.length, fingerprint: fingerprintOf(early) });
  const late = Buffer.concat((await Array.fromAsync(body.bursts())).flat());
  expect(late.equals(early)).toBe(true);
  expect((await decodedFile(early)).content.equals(content)).toBe(true);
  expect(await body.rawDigest()).toBe(sha256(content));
  await body.settled();
  await source.close();
});

test.each([
  ['is written again, with as many bytes', (path: string) => writeFileSync(path, readFileSync(path).fill(1, 9000))],
  ['is touched', (path: string) => utimesSync(path, 1, 1)],
  [
    'gives its name to another one',
    (path: string) => {
      copyFileSync(path, `${path}.other`);
      renameSync(`${path}.other`, path);
    },
  ],
])('a file that %s while it is read gives neither summary nor digest', async (_what, change) => {
  const { source, path } = await opened();
  const body = new EncodedBody(source, new ReadBuffers(1));
  change(path);
  await failureFrom('source_changed', Array.fromAsync(body.bursts()));
  expect(() => body.summary()).toThrow('before the last burst');
  await failureFrom('source_changed', body.rawDigest());
  await source.close();
});

test('a file that gets shorter while it is read gives no summary', async () => {
  const { source, path } = await opened();
  const body = new EncodedBody(source, new ReadBuffers(1));
  truncateSync(path, 1000);
  body.prepare();
  await failureFrom('source_changed', Array.fromAsync(body.bursts()));
  expect(() => body.summary()).toThrow('before the last burst');
  await body.settled();
  await source.close();
});
