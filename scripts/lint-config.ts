/**
 * Writes .oxlintrc.json: the linter's rules, with the layers of packages/core/src spelled out as import restrictions.
 *
 * The layers are listed once, here; `--check` fails when the written file is not what this program would write.
 */
import { readFileSync, writeFileSync } from 'node:fs';

/** Each folder may import only itself and those before it. */
const layers = [
  'base',
  'wal',
  'codec',
  'files',
  'postgres',
  'protocol',
  'hosts',
  'archive',
  'backups',
  'restore',
  'queue',
  'agent',
  'cli',
];

/** Packages that only these files may import: the doors, so that the product can be moved off each in one place. */
const soleImporters = [
  { package: 'ssh2', file: 'packages/core/src/hosts/ssh-client.ts' },
  { package: 'pg', file: 'packages/core/src/postgres/connection.ts' },
  { package: 'yargs', file: 'packages/core/src/cli/explaining-arguments.ts' },
  { package: 'yargs-parser', file: 'packages/core/src/cli/plain-arguments.ts' },
  { package: 'bun:sqlite', file: 'packages/core/src/queue/sqlite-door.ts' },
  { package: 'better-sqlite3', file: 'packages/core/src/queue/sqlite-door.ts' },
  { package: 'bun:jsc', file: 'packages/core/src/codec/garbage.ts' },
  { package: 'bun:ffi', file: 'packages/core/src/base/libc-door.ts' },
  { package: 'bun:ffi', file: 'packages/core/src/agent/file-door.ts' },
];

const commands = [
  'archive_cmd',
  'archive_remote_cmd',
  'archive-status',
  'backup-queue',
  'backup-restore',
  'backup-verify',
  'base-backup',
  'restore_cmd',
  'wal-cleanup',
  'wal-sync',
];

interface ImportPattern {
  group: string[];
  message: string;
}

function soleImporterPatterns(file: string): ImportPattern[] {
  const packages = new Set(soleImporters.map((sole) => sole.package));
  for (const sole of soleImporters) if (sole.file === file) packages.delete(sole.package);
  return [...packages].map((name) => {
    const doors = soleImporters.filter((sole) => sole.package === name).map((sole) => sole.file);
    return { group: [name, `${name}/*`], message: `only ${doors.join(' and ')} import ${name}` };
  });
}

const testPatterns: ImportPattern = {
  group: ['**/test/**', 'vitest', 'fast-check'],
  message: 'what ships does not import tests',
};

function layerPatterns(layer: string): ImportPattern[] {
  const later = layers.slice(layers.indexOf(layer) + 1);
  const patterns: ImportPattern[] = [
    { group: ['@archive2/*', '@archive2/**'], message: 'core imports itself by relative paths and knows no command' },
    testPatterns,
  ];
  if (later.length > 0) {
    patterns.push({
      group: later.map((name) => `../${name}/**`),
      message: `${layer}/ is below ${later.join(', ')}: a layer imports only those before it`,
    });
  }
  return patterns;
}

function commandPatterns(command: string): ImportPattern[] {
  const others = commands.filter((other) => other !== command);
  return [
    {
      group: others.flatMap((other) => [`@archive2/${other}/**`, `**/packages/${other}/**`]),
      message: 'a command imports core only, never another command',
    },
    testPatterns,
  ];
}

const restrictImports = (patterns: ImportPattern[]) => ({ 'no-restricted-imports': ['error', { patterns }] });

const processOnlyInCli = [
  { object: 'process', property: 'exit', message: 'cli/exit.ts owns the exit status' },
  { object: 'process', property: 'env', message: 'cli/invocation.ts reads the environment' },
  { object: 'process', property: 'argv', message: 'cli/invocation.ts reads the arguments' },
];
const clocksOnlyInBase = [
  { object: 'Date', property: 'now', message: 'clocks only through base/clock.ts' },
  { object: 'performance', property: 'now', message: 'clocks only through base/clock.ts' },
];

const config = {
  $schema: './node_modules/oxlint/configuration_schema.json',
  plugins: ['typescript', 'unicorn', 'oxc', 'import', 'promise'],
  categories: { correctness: 'error', suspicious: 'error' },
  ignorePatterns: ['node_modules', 'bin', 'coverage'],
  rules: {
    'typescript/no-floating-promises': ['error', { ignoreVoid: false }],
    'typescript/no-misused-promises': 'error',
    'typescript/await-thenable': 'error',
    'typescript/switch-exhaustiveness-check': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-non-null-assertion': 'error',
    'typescript/only-throw-error': 'error',
    'no-console': 'error',
    eqeqeq: 'error',
    'import/no-cycle': 'error',
    'import/no-unassigned-import': 'off',
    'no-await-in-loop': 'off',
    'no-shadow': 'off',
    'no-underscore-dangle': 'off',
    'unicorn/no-array-sort': 'off',
    'unicorn/consistent-function-scoping': 'off',
    'unicorn/require-post-message-target-origin': 'off',
    'promise/always-return': 'off',
    'promise/no-multiple-resolved': 'off',
    'typescript/no-unnecessary-type-assertion': 'off',
    'typescript/no-unsafe-type-assertion': 'off',
    'typescript/restrict-template-expressions': 'off',
    'typescript/consistent-return': 'off',
    'typescript/prefer-nullish-coalescing': 'off',
    'oxc/no-map-spread': 'off',
    'no-restricted-properties': ['error', ...processOnlyInCli, ...clocksOnlyInBase],
  },
  overrides: [
    ...layers.map((layer) => ({
      files: [`packages/core/src/${layer}/**`],
      rules: restrictImports([...layerPatterns(layer), ...soleImporterPatterns('')]),
    })),
    ...soleImporters.map((sole) => {
      const layer = sole.file.split('/')[3] ?? '';
      return {
        files: [sole.file],
        rules: restrictImports([...layerPatterns(layer), ...soleImporterPatterns(sole.file)]),
      };
    }),
    ...commands.map((command) => ({
      files: [`packages/${command}/src/**`],
      rules: restrictImports([...commandPatterns(command), ...soleImporterPatterns('')]),
    })),
    {
      files: ['packages/core/src/cli/**'],
      rules: { 'no-restricted-properties': ['error', ...clocksOnlyInBase] },
    },
    {
      files: ['packages/core/src/base/clock.ts'],
      rules: { 'no-restricted-properties': ['error', ...processOnlyInCli] },
    },
    {
      // They run in a browser, which has no base/clock.ts.
      files: ['**/*.browser.mjs'],
      rules: { 'no-restricted-properties': 'off' },
    },
    {
      files: ['test/**', 'scripts/**', '*.config.ts'],
      rules: {
        'no-restricted-properties': 'off',
        'no-console': 'off',
        'typescript/no-non-null-assertion': 'off',
      },
    },
  ],
};

const path = '.oxlintrc.json';
const text = `${JSON.stringify(config, null, 2)}\n`;
if (process.argv.includes('--check')) {
  if (readFileSync(path, 'utf8') !== text) {
    console.error(`${path} is not what scripts/lint-config.ts writes: run "node --import tsx scripts/lint-config.ts"`);
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, text);
}
