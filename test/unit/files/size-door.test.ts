import { linkSync, mkdirSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DirectorySizes } from '../../../packages/core/src/files/size-door.ts';
import { temporaryDirectory } from './temporary-directory.ts';

test('sizes are those of the files, whatever they are, and of nothing else', () => {
  const directory = temporaryDirectory();
  const at = (name: string) => join(directory, name);
  writeFileSync(at('small'), 'seven b');
  writeFileSync(at('empty'), '');
  writeFileSync(at('huge'), '');
  truncateSync(at('huge'), 5 * 2 ** 32 + 11);
  linkSync(at('small'), at('small-with-a-longer-name'));
  symlinkSync('/nowhere', at('dangling'));
  mkdirSync(at('directory'));
  const sizes = new DirectorySizes(directory);
  const names = ['huge', 'small-with-a-longer-name', 'small', 'empty', 'smal', 'smalls', 'dangling', 'none'];
  expect(names.map((name) => sizes.sizeOf(name))).toEqual([
    5 * 2 ** 32 + 11,
    7,
    7,
    0,
    undefined,
    undefined,
    8,
    undefined,
  ]);
  expect(sizes.sizeOf('directory')).toEqual(expect.any(Number));
  sizes.close();
});
