import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { isPartName, PartFile } from '../../../packages/core/src/files/part-file.ts';
import { runTraced } from './strace.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const name = '000000010000000000000001';
const mib = 2 ** 20;

async function partIn(directory: string): Promise<PartFile> {
  const part = await PartFile.create(directory, name);
  onTestFinished(() => part.close().catch(() => undefined));
  return part;
}

/** The kernel's writes of this file are never longer than that. */
function withShortWrites(part: PartFile, mostBytes: number): void {
  const { handle } = part as unknown as { handle: FileHandle };
  const write = handle.write.bind(handle);
  const short = (buffer: Buffer, offset: number, length: number, position: number) =>
    write(buffer, offset, Math.min(length, mostBytes), position);
  handle.write = short as FileHandle['write'];
}

test('a part is a hidden file of its own beside the final name, for its owner alone', async () => {
  const directory = temporaryDirectory();
  const [first, second] = [await partIn(directory), await partIn(directory)];
  expect(first.path).not.toBe(second.path);
  for (const entry of readdirSync(directory)) {
    expect(entry).toMatch(/^\.000000010000000000000001\.[0-9a-f]{16}\.part$/);
    expect(isPartName(entry)).toBe(true);
    expect(statSync(join(directory, entry)).mode & 0o7777).toBe(0o600);
  }
});

test.each([name, `.${name}.part`, `${name}.0123456789abcdef.part`, `.${name}.0123456789abcdeg.part`, '.part', ''])(
  '%j is no name of a part',
  (other) => {
    expect(isPartName(other)).toBe(false);
  },
);

test('a missing directory is an error, not made', async () => {
  const directory = join(temporaryDirectory(), 'unmounted');
  await expect(PartFile.create(directory, name)).rejects.toThrow(/ENOENT/);
});

test('all bytes are there, in order, however short the writes of the kernel are', async () => {
  const directory = temporaryDirectory();
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 8 }),
      fc.integer({ min: 1, max: 70 }),
      async (chunks, mostBytes) => {
        const part = await PartFile.create(directory, name);
        try {
          withShortWrites(part, mostBytes);
          for (const chunk of chunks) await part.append(Buffer.from(chunk));
          const whole = Buffer.concat(chunks);
          expect(part.sizeBytes).toBe(whole.length);
          expect(readFileSync(part.path)).toEqual(whole);
        } finally {
          await part.discard();
          await part.close();
        }
      },
    ),
    { numRuns: 30 },
  );
});

test('space that is reserved shows in no size, and what is not to be had, or is not used, changes nothing', async () => {
  const part = await partIn(temporaryDirectory());
  part.reserve(mib);
  part.reserve(2 ** 60);
  expect(statSync(part.path)).toMatchObject({ size: 0 });
  expect(statSync(part.path).blocks).toBeGreaterThanOrEqual(mib / 512);
  await part.append(Buffer.from('written'));
  expect(readFileSync(part.path, 'utf8')).toBe('written');
  expect(part.sizeBytes).toBe(7);
});

test('who waits for writes gives the page cache small pieces, and the file is whole', () => {
  const directory = temporaryDirectory();
  const content = randomBytes(80 * 1024 + 3);
  writeFileSync(join(directory, 'content'), content);
  const { status, stderr, calls } = runTraced('blocking-part-program.ts', [directory]);
  expect(status, stderr).toBe(0);
  const [name = ''] = readdirSync(directory).filter(isPartName);
  expect(readFileSync(join(directory, name)).equals(Buffer.concat([content, content]))).toBe(true);
  const lengths = calls.filter(({ args }) => args.includes(name) && /^\d+<.*, \d+(, \d+)?$/.test(args));
  const piece = [32_768, 32_768, 16_387];
  expect(lengths.map(({ result }) => Number(result))).toEqual([...piece, ...piece]);
});

test('what is written can be read from any position while more is appended', async () => {
  const part = await partIn(temporaryDirectory());
  const chunks = Array.from({ length: 50 }, (_, index) => Buffer.alloc(1000 + index, index));
  const whole = Buffer.concat(chunks);
  const readAll = async (pieceBytes: number): Promise<Buffer> => {
    const pieces: Buffer[] = [];
    for (let position = 0; position < whole.length; ) {
      await part.waitForMore(position);
      const piece = await part.read(position, pieceBytes);
      pieces.push(piece);
      position += piece.length;
    }
    return Buffer.concat(pieces);
  };
  const readers = [readAll(100), readAll(777), readAll(1 << 20)];
  for (const chunk of chunks) await part.append(chunk);
  for (const read of await Promise.all(readers)) expect(read.equals(whole)).toBe(true);
  expect(await part.read(whole.length, 10)).toHaveLength(0);
  expect(await part.read(whole.length + 5, 10)).toHaveLength(0);
});

test('a reader that waits is woken without bytes when the writer says so', async () => {
  const part = await partIn(temporaryDirectory());
  const waiting = [part.waitForMore(0), part.waitForMore(0)];
  part.wakeReaders();
  await Promise.all(waiting);
  expect(part.sizeBytes).toBe(0);
});

test('a file that is shorter than what was written is an error for its reader', async () => {
  const part = await partIn(temporaryDirectory());
  await part.append(Buffer.from('abcdef'));
  writeFileSync(part.path, 'abc');
  await expect(part.read(0, 6)).rejects.toThrow(/ended at byte 3/);
});

test('publishing gives the content its name and its time, and removes the part', async () => {
  const directory = temporaryDirectory();
  const part = await partIn(directory);
  await part.append(Buffer.from('content'));
  await part.sync(1_700_000_000_123);
  expect(await part.publish(name)).toBe('published');
  expect(readdirSync(directory)).toEqual([name]);
  expect(readFileSync(join(directory, name), 'utf8')).toBe('content');
  expect(Math.trunc(statSync(join(directory, name)).mtimeMs)).toBe(1_700_000_000_123);
  expect(statSync(join(directory, name)).nlink).toBe(1);
});

test.each([
  ['a file', (path: string) => writeFileSync(path, 'other')],
  ['an empty file', (path: string) => writeFileSync(path, '')],
  ['a link to nowhere', (path: string) => symlinkSync('/nonexistent', path)],
])('publishing never replaces %s that has the name', async (_what, occupy) => {
  const directory = temporaryDirectory();
  const target = join(directory, name);
  occupy(target);
  const before = { entries: readdirSync(directory), ino: statSync(directory).ino };
  const part = await partIn(directory);
  await part.append(Buffer.from('newcomer'));
  await part.sync(0);
  expect(await part.publish(name)).toBe('taken');
  expect(readFileSync(part.path, 'utf8')).toBe('newcomer');
  await part.discard();
  expect({ entries: readdirSync(directory), ino: statSync(directory).ino }).toEqual(before);
});

test('of many that publish under one name at the same time exactly one does', async () => {
  const directory = temporaryDirectory();
  const parts = await Promise.all(Array.from({ length: 20 }, () => partIn(directory)));
  for (const [index, part] of parts.entries()) {
    await part.append(Buffer.from(String(index)));
    await part.sync(0);
  }
  const outcomes = await Promise.all(parts.map((part) => part.publish(name)));
  expect(outcomes.filter((outcome) => outcome === 'published')).toHaveLength(1);
  const winner = outcomes.indexOf('published');
  expect(readFileSync(join(directory, name), 'utf8')).toBe(String(winner));
});

test('a link that was made although its answer was lost counts as published', async () => {
  const directory = temporaryDirectory();
  const part = await partIn(directory);
  await part.append(Buffer.from('content'));
  await part.sync(0);
  linkSync(part.path, join(directory, name));
  expect(await part.publish(name)).toBe('published');
  expect(readdirSync(directory)).toEqual([name]);
});

test('a second name elsewhere is given once and never replaces', async () => {
  const directory = temporaryDirectory();
  const part = await partIn(directory);
  const second = join(directory, 'second');
  expect(await part.linkTo(second)).toBe(true);
  expect(await part.linkTo(second)).toBe(false);
  expect(statSync(second).ino).toBe(statSync(part.path).ino);
});

test('replacing puts the part in the place of what has the name', async () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, name), 'damaged');
  const part = await partIn(directory);
  await part.append(Buffer.from('good'));
  await part.replace(name);
  expect(readdirSync(directory)).toEqual([name]);
  expect(readFileSync(join(directory, name), 'utf8')).toBe('good');
});

test('discarding removes the part, and doing it again does nothing', async () => {
  const directory = temporaryDirectory();
  const part = await partIn(directory);
  await part.append(Buffer.from('content'));
  await part.discard();
  await part.discard();
  expect(readdirSync(directory)).toEqual([]);
});

test('discarding after a publication leaves the published file', async () => {
  const directory = temporaryDirectory();
  const part = await partIn(directory);
  await part.append(Buffer.from('content'));
  await part.sync(0);
  await part.publish(name);
  await part.discard();
  expect(readdirSync(directory)).toEqual([name]);
});
