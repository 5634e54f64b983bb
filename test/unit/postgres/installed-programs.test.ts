import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { searchInstalledPrograms } from '../../../packages/core/src/postgres/installed-programs.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

const name = 'pg_basebackup';

/** A program that says that it is of version 99, and leaves a mark that it was asked. */
function programOf99() {
  const directory = temporaryDirectory();
  const mark = join(directory, 'asked');
  writeFileSync(join(directory, name), `#!/bin/sh\n: >${mark}\necho '${name} (PostgreSQL) 99.1'\n`, { mode: 0o755 });
  return { directory, wasAsked: () => existsSync(mark) };
}

test('a program is found in PATH, and in a directory that is named', async () => {
  const { directory } = programOf99();
  const found = { path: join(directory, name), major: 99, version: 'pg_basebackup (PostgreSQL) 99.1' };
  expect(await searchInstalledPrograms(name, directory, {}).upTo(15)).toEqual([found]);
  expect(await searchInstalledPrograms(name, undefined, { PATH: `relative:${directory}` }).upTo(99)).toContainEqual(
    found,
  );
});

const versions = '/usr/lib/postgresql';
const installed = existsSync(versions)
  ? readdirSync(versions).filter((it) => existsSync(join(versions, it, 'bin', name)))
  : [];

test.skipIf(installed.length === 0)('PATH is not asked for a version that lies beside others', async () => {
  const { directory, wasAsked } = programOf99();
  const search = searchInstalledPrograms(name, undefined, { PATH: directory });
  const found = await search.upTo(Number(installed[0]));
  expect(found.map(({ major }) => major)).toContain(Number(installed[0]));
  expect(wasAsked()).toBe(false);
  expect((await search.upTo(99)).at(-1)?.major).toBe(99);
});
