import { linkSync, renameSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type SourceIdentity, sameSource, sourceIdentity } from '../../../packages/archive_cmd/src/ship/source-file.ts';
import { VerdictMemory } from '../../../packages/archive_cmd/src/ship/verdict-memory.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

const identity: SourceIdentity = { device: 1n, inode: 2n, sizeBytes: 3n, modifiedNs: 4n, changedNs: 5n };

describe('a remembered verdict', () => {
  test('holds for the very file under the very name', () => {
    const memory = new VerdictMemory();
    memory.remember('a', identity);
    expect(memory.holds('a', { ...identity })).toBe(true);
    expect(memory.holds('b', identity)).toBe(false);
    expect([memory.has('a'), memory.has('b')]).toEqual([true, false]);
  });

  test.each(Object.keys(identity) as (keyof SourceIdentity)[])('does not hold for a file of another %s', (field) => {
    const memory = new VerdictMemory();
    memory.remember('a', identity);
    for (const by of [1n, -1n, 2n ** 60n]) {
      const other = { ...identity, [field]: identity[field] + by };
      expect(sameSource(identity, other)).toBe(false);
      expect(memory.holds('a', other)).toBe(false);
    }
  });

  test('is that of the last file confirmed under the name', () => {
    const memory = new VerdictMemory();
    memory.remember('a', identity);
    memory.remember('a', { ...identity, inode: 9n });
    expect(memory.holds('a', identity)).toBe(false);
    expect(memory.holds('a', { ...identity, inode: 9n })).toBe(true);
  });

  test('is one of at most 1024: the oldest goes first', () => {
    const memory = new VerdictMemory();
    for (let number = 0; number < 1025; number++) memory.remember(nameOf(number), identity);
    expect(memory.has(nameOf(0))).toBe(false);
    expect(memory.has(nameOf(1))).toBe(true);
    memory.remember(nameOf(1), identity);
    memory.remember(nameOf(2000), identity);
    expect([memory.has(nameOf(1)), memory.has(nameOf(2))]).toEqual([true, false]);
  });
});

describe('the identity of a file', () => {
  test.each([
    ['its content is written again', (path: string) => writeFileSync(path, 'content')],
    ['it becomes longer', (path: string) => writeFileSync(path, 'content and more')],
    ['it becomes shorter', (path: string) => truncateSync(path, 1)],
    ['its times are set back', (path: string) => utimesSync(path, 1, 1)],
    [
      'another file takes its place',
      (path: string) => (writeFileSync(`${path}.new`, 'content'), renameSync(`${path}.new`, path)),
    ],
    ['it gets a second name', (path: string) => linkSync(path, `${path}.second`)],
  ])('changes when %s', async (_what, change) => {
    const path = join(temporaryDirectory(), 'f');
    writeFileSync(path, 'content');
    const before = sourceIdentity(path);
    expect(sameSource(before, sourceIdentity(path))).toBe(true);
    // A change within the same tick of the file system's clock could not be told from none.
    await new Promise((resolve) => setTimeout(resolve, 10));
    change(path);
    expect(sameSource(before, sourceIdentity(path))).toBe(false);
  });

  test('is none for what is no plain file', async () => {
    const directory = temporaryDirectory();
    symlinkSync('/etc/passwd', join(directory, 'link'));
    for (const path of [directory, join(directory, 'link'), join(directory, 'missing'), '/dev/null']) {
      await failureFrom('bad_source', () => sourceIdentity(path));
    }
  });
});
