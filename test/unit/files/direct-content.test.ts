import { readFileSync, statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { blockBytes, blocksTaken } from '../../../packages/core/src/files/content-blocks.ts';
import { DirectContent } from '../../../packages/core/src/files/direct-content.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const O_DIRECT = 0o40000;

async function contentIn(directory = temporaryDirectory()) {
  const path = join(directory, 'file');
  const handle = await open(path, 'w+');
  const content = new DirectContent(handle);
  onTestFinished(async () => {
    await content.close();
    await handle.close();
  });
  return { path, handle, content };
}

/** Bytes that differ from their neighbours, so that a piece in the wrong place shows. */
function bytes(sizeBytes: number, seed = 0): Buffer {
  const buffer = Buffer.allocUnsafe(sizeBytes);
  for (let at = 0; at < sizeBytes; at += 1) buffer[at] = (at * 31 + (at >> 8) * 7 + (at >> 16) * 3 + seed) & 0xff;
  return buffer;
}

function isDirect({ fd }: FileHandle): boolean {
  const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '';
  return (Number.parseInt(flags, 8) & O_DIRECT) !== 0;
}

/** The writes of this file go through `look` first, which may throw. */
function watched(handle: FileHandle, look: (sizeBytes: number, position: number) => Promise<void> | void): void {
  const write = handle.write.bind(handle);
  const other = async (buffer: Buffer, offset: number, length: number, position: number) => {
    await look(length, position);
    return await write(buffer, offset, length, position);
  };
  handle.write = other as unknown as FileHandle['write'];
}

const refusal = (code: string) => Object.assign(new Error(code), { code });

test('what is appended in pieces of any size is the file, to the byte', async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 700_000 }), { maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(sizes, async (pieceSizes) => {
      const { path, content } = await contentIn();
      const pieces = pieceSizes.map((sizeBytes, index) => bytes(sizeBytes, index));
      for (const piece of pieces) {
        await content.append(piece);
        // It is the caller's again.
        const copy = Buffer.from(piece);
        piece.fill(0);
        pieces[pieces.indexOf(piece)] = copy;
      }
      await content.finish();
      expect(content.sizeBytes).toBe(pieceSizes.reduce((sum, size) => sum + size, 0));
      expect(readFileSync(path).equals(Buffer.concat(pieces))).toBe(true);
    }),
    { numRuns: 25 },
  );
});

test('whole blocks go past the page cache, the rest through it, and nothing is written before a block is full', async () => {
  const { path, handle, content } = await contentIn();
  const writes: { sizeBytes: number; direct: boolean }[] = [];
  watched(handle, (sizeBytes) => void writes.push({ sizeBytes, direct: isDirect(handle) }));
  await content.append(bytes(blockBytes - 1));
  expect(writes).toEqual([]);
  await content.append(bytes(5000 + 1));
  await content.finish();
  expect(writes).toEqual([
    { sizeBytes: blockBytes, direct: true },
    { sizeBytes: 4096, direct: true },
    { sizeBytes: 904, direct: false },
  ]);
  expect(isDirect(handle)).toBe(false);
  expect(statSync(path).size).toBe(blockBytes + 5000);
});

test('a small file is one write through the page cache', async () => {
  const { path, handle, content } = await contentIn();
  const writes: number[] = [];
  watched(handle, (sizeBytes) => void writes.push(sizeBytes));
  await content.append(Buffer.from('small'));
  await content.finish();
  await content.finish();
  expect(writes).toEqual([5]);
  expect(readFileSync(path, 'utf8')).toBe('small');
});

test.each(['at once', 'from the second block on'])(
  'a file system that refuses such a write %s gets it the usual way',
  async (when) => {
    const { path, handle, content } = await contentIn();
    watched(handle, (_sizeBytes, position) => {
      if (isDirect(handle) && (when === 'at once' || position > 0)) throw refusal('EINVAL');
    });
    const whole = bytes(3 * blockBytes + 5000);
    await content.append(whole);
    await content.finish();
    expect(readFileSync(path).equals(whole)).toBe(true);
    expect(isDirect(handle)).toBe(false);
  },
);

test('an error of the disk is told by the next block, and at the end', async () => {
  const { handle, content } = await contentIn();
  watched(handle, () => {
    throw refusal('ENOSPC');
  });
  await content.append(bytes(blockBytes));
  await expect(content.append(bytes(blockBytes))).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(content.finish()).rejects.toMatchObject({ code: 'ENOSPC' });
});

test('the end waits for the block that is being written, and tells its error: the fsync after it must find all', async () => {
  const { handle, content } = await contentIn();
  const gate = Promise.withResolvers<void>();
  watched(handle, () => gate.promise);
  await content.append(bytes(blockBytes));
  let hasEnded = false;
  const end = content.finish().finally(() => {
    hasEnded = true;
  });
  end.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(hasEnded).toBe(false);
  gate.reject(refusal('EIO'));
  await expect(end).rejects.toMatchObject({ code: 'EIO' });
});

test('the next block is filled while one is being written, and no more than that', async () => {
  const { handle, content } = await contentIn();
  const gate = Promise.withResolvers<void>();
  watched(handle, () => gate.promise);
  await content.append(bytes(2 * blockBytes - 1));
  let isTaken = false;
  const third = content.append(bytes(1)).then(() => {
    isTaken = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isTaken).toBe(false);
  gate.resolve();
  await third;
});

test('what was appended can be read at once, from memory, and stays as it was read', async () => {
  const { content } = await contentIn();
  const whole = bytes(3 * blockBytes + 100);
  const read: Buffer[] = [];
  for (let at = 0; at < whole.length; at += 100_000) {
    await content.append(whole.subarray(at, at + 100_000));
    for (let from = Buffer.concat(read).length; from < content.sizeBytes; ) {
      const piece = await content.read(from, 65_536);
      expect(piece.length).toBeGreaterThan(0);
      read.push(piece);
      from += piece.length;
    }
  }
  await content.finish();
  expect(Buffer.concat(read).equals(whole)).toBe(true);
  expect(await content.read(whole.length, 10)).toHaveLength(0);
  expect(await content.read(whole.length + 5, 10)).toHaveLength(0);
});

test('of a large file little stays in memory, and whoever reads it late has it from the disk', async () => {
  const before = blocksTaken();
  const { content } = await contentIn();
  const whole = bytes(40 * blockBytes + 10);
  const early = await content.read(0, 10);
  expect(early).toHaveLength(0);
  for (let at = 0; at < whole.length; at += 512 * 1024) {
    await content.append(whole.subarray(at, at + 512 * 1024));
    // One that reads along is lent a few blocks only.
    if (at < 20 * blockBytes) expect((await content.read(at, 16)).equals(whole.subarray(at, at + 16))).toBe(true);
  }
  expect(blocksTaken() - before).toBeLessThan(36);
  // From the disk while the rest of it is still in memory.
  expect(
    (await content.read(9 * blockBytes + 3, 5000)).equals(whole.subarray(9 * blockBytes + 3, 9 * blockBytes + 5003)),
  ).toBe(true);
  await content.finish();
  const read: Buffer[] = [];
  for (let at = 0; at < whole.length; ) {
    const piece = await content.read(at, 2 * blockBytes);
    read.push(Buffer.from(piece));
    at += piece.length;
  }
  expect(Buffer.concat(read).equals(whole)).toBe(true);
  await content.close();
  expect(blocksTaken()).toBe(before);
});

test('many files that wait for slow readers keep no more in memory than one, but for what is being filled', async () => {
  const before = blocksTaken();
  const files = [];
  for (let file = 0; file < 40; file += 1) {
    const { content } = await contentIn();
    const whole = bytes(2 * blockBytes + 10, file);
    await content.append(whole);
    const lent = await content.read(0, blockBytes);
    await content.finish();
    files.push({ content, whole, lent });
  }
  expect(blocksTaken() - before).toBeLessThan(36);
  for (const { content, whole, lent } of files) {
    expect(lent.equals(whole.subarray(0, blockBytes))).toBe(true);
    expect((await content.read(2 * blockBytes, 100)).equals(whole.subarray(2 * blockBytes))).toBe(true);
  }
});

test('a file that is given up waits for its write and gives its memory back', async () => {
  const before = blocksTaken();
  const { handle, content } = await contentIn();
  const gate = Promise.withResolvers<void>();
  watched(handle, () => gate.promise);
  await content.append(bytes(blockBytes + 1));
  expect(blocksTaken()).toBe(before + 2);
  let isClosed = false;
  const closing = content.close().then(() => {
    isClosed = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(isClosed).toBe(false);
  gate.resolve();
  await closing;
  expect(blocksTaken()).toBe(before);
});
