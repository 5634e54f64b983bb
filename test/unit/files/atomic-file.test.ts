import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createFileDurably, replaceFileDurably } from '../../../packages/core/src/files/atomic-file.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const nowMs = 1_700_000_000_000;

test('a new file is there whole, for its owner alone, and nothing else is left', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'cluster.json');
  expect(await createFileDurably(path, 'content', nowMs)).toBe(true);
  expect(readFileSync(path, 'utf8')).toBe('content');
  expect(statSync(path).mode & 0o7777).toBe(0o600);
  expect(readdirSync(directory)).toEqual(['cluster.json']);
});

test('creating never replaces, and leaves nothing', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'cluster.json');
  writeFileSync(path, 'first');
  expect(await createFileDurably(path, 'second', nowMs)).toBe(false);
  expect(readFileSync(path, 'utf8')).toBe('first');
  expect(readdirSync(directory)).toEqual(['cluster.json']);
});

test('of many who create a file at the same time exactly one does, and the content is its', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'cluster.json');
  const created = await Promise.all(Array.from({ length: 20 }, (_, n) => createFileDurably(path, String(n), nowMs)));
  expect(created.filter(Boolean)).toHaveLength(1);
  expect(readFileSync(path, 'utf8')).toBe(String(created.indexOf(true)));
  expect(readdirSync(directory)).toEqual(['cluster.json']);
});

test('replacing leaves the new content and nothing else', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'state.json');
  await replaceFileDurably(path, 'first', nowMs);
  await replaceFileDurably(path, 'second', nowMs);
  expect(readFileSync(path, 'utf8')).toBe('second');
  expect(readdirSync(directory)).toEqual(['state.json']);
});

test('what cannot be written is an error, and leaves nothing', async () => {
  const directory = temporaryDirectory();
  await expect(createFileDurably(join(directory, 'gone', 'f'), '', nowMs)).rejects.toThrow(/ENOENT/);
  writeFileSync(join(directory, 'f'), '');
  await expect(replaceFileDurably(join(directory, 'f', 'g'), '', nowMs)).rejects.toThrow(/ENOTDIR/);
  expect(readdirSync(directory)).toEqual(['f']);
});
