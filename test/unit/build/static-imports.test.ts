import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

test.each(['archive_cmd', 'restore_cmd', 'archive2'])(
  'what %s loads at once is no more than the way to the agent needs',
  (command) => {
    const loaded = staticImports(`packages/${command}/src/main.ts`);
    expect(loaded.packages).toEqual([]);
    // Every file is read and compiled in each call of PostgreSQL.
    expect(loaded.files.length).toBeLessThan(20);
    expect(
      loaded.files.filter((file) =>
        /\/(hosts|codec|protocol|archive|postgres|archive_remote_cmd)\/|cli\/(arguments|exit)|src\/(run|rest)\./.test(
          file,
        ),
      ),
    ).toEqual([]);
  },
);

test.each([
  ['transfer', ['yargs-parser']],
  ['rest', ['yargs-parser']],
])('%s.ts loads neither SSH, nor the driver of PostgreSQL, nor what explains a command line', (module, packages) => {
  const loaded = staticImports(`packages/archive2/src/${module}.ts`);
  expect(loaded.packages).toEqual(packages);
  expect(loaded.files.length).toBeGreaterThan(50);
});

/** What a source file imports at once, and what that imports, and so on; the runtime's own modules apart. Imports for types only do not count. */
function staticImports(entry: string): { files: string[]; packages: string[] } {
  const transpiler = new Bun.Transpiler({ loader: 'ts' });
  const files = new Set([entry]);
  const packages = new Set<string>();
  for (const file of files) {
    for (const { path, kind } of transpiler.scanImports(readFileSync(join(REPOSITORY_ROOT, file), 'utf8'))) {
      if (kind !== 'import-statement' || /^(node|bun):/.test(path) || /\.(json|sql)$/.test(path)) continue;
      const own = /^@archive2\/([a-z_0-9-]+)\/(.*)$/.exec(path);
      if (own !== null) files.add(`packages/${own[1]}/src/${own[2]}`);
      else if (path.startsWith('.')) files.add(join(file, '..', path));
      else packages.add(path);
    }
  }
  return { files: [...files], packages: [...packages] };
}
