import { closeSync, mkdirSync, openSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { canListEntries } from '../../../packages/core/src/files/listing-door.ts';
import { temporaryDirectory } from './temporary-directory.ts';

function opened(path: string): number {
  const fileDescriptor = openSync(path, 'r');
  onTestFinished(() => closeSync(fileDescriptor));
  return fileDescriptor;
}

test('a directory can be listed, with files or without', () => {
  const directory = temporaryDirectory();
  expect(canListEntries(opened(directory))).toBe(true);
  for (let index = 0; index < 1000; index += 1) writeFileSync(join(directory, `file-${index}`), '');
  expect(canListEntries(opened(directory))).toBe(true);
});

test('neither a file nor a directory that was removed can be listed', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, 'file'), 'x');
  expect(canListEntries(opened(join(directory, 'file')))).toBe(false);
  mkdirSync(join(directory, 'gone'));
  const gone = opened(join(directory, 'gone'));
  rmdirSync(join(directory, 'gone'));
  expect(canListEntries(gone)).toBe(false);
});
