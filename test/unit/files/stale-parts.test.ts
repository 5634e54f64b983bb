import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { PartFile } from '../../../packages/core/src/files/part-file.ts';
import { removeStaleParts } from '../../../packages/core/src/files/stale-parts.ts';
import { startHolder } from './holder.ts';
import { runTraced } from './strace.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const partName = '.000000010000000000000001.0123456789abcdef.part';

function laterThan(path: string, ms: number): number {
  return statSync(path).ctimeMs + ms;
}

test("a dead writer's part is removed when it is over a minute old, and named", async () => {
  const directory = temporaryDirectory();
  const holder = await startHolder('part', directory);
  const [entry = ''] = readdirSync(directory);
  await holder.kill();
  expect(await removeStaleParts(directory, laterThan(join(directory, entry), 60_001))).toEqual([entry]);
  expect(readdirSync(directory)).toEqual([]);
});

test("a living writer's part is kept, however old it is", async () => {
  const directory = temporaryDirectory();
  await startHolder('part', directory);
  const own = await PartFile.create(directory, 'own');
  onTestFinished(() => own.close());
  const before = readdirSync(directory).sort();
  expect(await removeStaleParts(directory, Date.now() + 365 * 86_400_000)).toEqual([]);
  expect(readdirSync(directory).sort()).toEqual(before);
});

test('a young part is kept although nobody holds it: its writer may not have its lock yet', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, partName);
  writeFileSync(path, '');
  expect(await removeStaleParts(directory, laterThan(path, 59_000))).toEqual([]);
  // A clock that went back a little makes nothing old.
  expect(await removeStaleParts(directory, laterThan(path, -59_000))).toEqual([]);
  expect(readdirSync(directory)).toEqual([basename(path)]);
});

test('a part with a date far in the future is removed: the clock was wrong then, or is now', async () => {
  const directory = temporaryDirectory();
  const path = join(directory, partName);
  writeFileSync(path, '');
  expect(await removeStaleParts(directory, laterThan(path, -60_001))).toEqual([partName]);
});

test('names that are no parts are never touched', async () => {
  const directory = temporaryDirectory();
  const precious = join(directory, 'precious');
  const others = ['000000010000000000000001', '.hidden', '.x.part', 'x.0123456789abcdef.part'];
  for (const other of others) writeFileSync(join(directory, other), '');
  writeFileSync(precious, 'content');
  await removeStaleParts(directory, laterThan(precious, 120_000));
  expect(readdirSync(directory)).toEqual(expect.arrayContaining([...others, 'precious']));
});

test('a directory that is not there is an error', async () => {
  await expect(removeStaleParts(join(temporaryDirectory(), 'gone'), Date.now())).rejects.toThrow(/ENOENT/);
});

test.each([
  ['a directory', (path: string) => mkdirSync(path)],
  ['a fifo', (path: string) => execFileSync('mkfifo', [path])],
  ['a link to a file', (path: string) => symlinkSync('/etc/passwd', path)],
  ['a link to nowhere', (path: string) => symlinkSync('/nonexistent', path)],
])('%s with the name of a part is left, and the others are removed', async (_what, make) => {
  const directory = temporaryDirectory();
  const strange = '.a.0123456789abcdef.part';
  make(join(directory, strange));
  const path = join(directory, partName);
  writeFileSync(path, '');
  expect(await removeStaleParts(directory, laterThan(path, 120_000))).toEqual([partName]);
  expect(readdirSync(directory)).toEqual([strange]);
});

test('a part that somebody else removes at the same time is no error', () => {
  const directory = temporaryDirectory();
  writeFileSync(join(directory, partName), '');
  const inject = 'inject=unlink,unlinkat:error=ENOENT';
  expect(runTraced('stale-parts-program.ts', [directory], ['-e', inject]).status).toBe(0);
});
