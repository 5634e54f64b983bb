import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { commandSpec as archiveSpec } from '../../../packages/archive_cmd/src/options.ts';
import { commandSpec as remoteSpec } from '../../../packages/archive_remote_cmd/src/options.ts';
import { commandSpec as restoreBackupSpec } from '../../../packages/backup-restore/src/options.ts';
import { commandSpec as verifySpec } from '../../../packages/backup-verify/src/options.ts';
import { commandSpec as backupSpec } from '../../../packages/base-backup/src/options.ts';
import type { CommandSpec } from '../../../packages/core/src/cli/command-spec.ts';
import { parseExplaining } from '../../../packages/core/src/cli/explaining-arguments.ts';
import { parsePlainly } from '../../../packages/core/src/cli/plain-arguments.ts';
import { commandSpec as restoreSpec } from '../../../packages/restore_cmd/src/options.ts';
import { commandSpec as cleanupSpec } from '../../../packages/wal-cleanup/src/options.ts';
import { commandSpec as syncSpec } from '../../../packages/wal-sync/src/options.ts';

/** One option of each kind that there is. */
const everyKind: CommandSpec = {
  command: 'every_kind',
  usage: ['WORD...'],
  summary: 'Has all.',
  options: {
    'max-ahead': { type: 'string', default: '3', describe: 'text with a default' },
    dir: { type: 'string', describe: 'text without one' },
    agent: { type: 'boolean', default: true, describe: 'on or off' },
    quiet: { type: 'boolean', describe: 'on or not said' },
    check: { type: 'array', nargs: 1, string: true, default: [], describe: 'may be repeated' },
    action: { type: 'string', choices: ['pause', 'promote'], describe: 'one of two' },
  },
  exitStatus: [['0', 'well']],
  version: '1.2.3',
};

const specs = [
  everyKind,
  archiveSpec,
  remoteSpec,
  restoreBackupSpec,
  verifySpec,
  backupSpec,
  restoreSpec,
  cleanupSpec,
  syncSpec,
];

const value = fc.oneof(
  fc.constantFrom(
    '',
    '0',
    '007',
    '1e5',
    '-1',
    '-',
    'pause',
    'true',
    'false',
    'a b',
    'x=y',
    '=',
    'no',
    'a.b',
    '__proto__',
  ),
  fc.string({ maxLength: 4 }),
);

/** Words that may stand on a command line of `spec`, with what is wrong in some of them. */
function wordsOf(spec: CommandSpec): fc.Arbitrary<string[]> {
  const inCamelCase = (name: string) => name.replace(/-(.)/g, (_all, letter: string) => letter.toUpperCase());
  const name = fc
    .oneof(
      { weight: 6, arbitrary: fc.constantFrom(...Object.keys(spec.options)) },
      { weight: 1, arbitrary: fc.constantFrom('help', 'version', 'nonsense', 'h', 'config') },
    )
    .chain((each) => fc.constantFrom(each, each, each, `no-${each}`, inCamelCase(each), `${each}.sub`));
  const option = fc.oneof(
    name.map((each) => [`--${each}`]),
    fc.tuple(name, value).map(([each, text]) => [`--${each}=${text}`]),
    fc.tuple(name, value).map(([each, text]) => [`--${each}`, text]),
    fc.constantFrom(['--'], ['-h'], ['-x'], ['-xy'], ['-d=1']),
  );
  return fc
    .array(
      fc.oneof(
        option,
        value.map((text) => [text]),
      ),
      { maxLength: 6 },
    )
    .map((each) => each.flat());
}

const settingsOf = (spec: CommandSpec): fc.Arbitrary<Record<string, string>> =>
  fc.dictionary(fc.constantFrom(...Object.keys(spec.options)), value, { maxKeys: 2, noNullPrototype: true });

describe.each(specs.map((spec) => [spec.command, spec] as const))('a command line of %s', (_command, spec) => {
  test('that is parsed plainly is what all of yargs makes of it', async () => {
    let plainOnes = 0;
    await fc.assert(
      fc.asyncProperty(wordsOf(spec), settingsOf(spec), async (words, settings) => {
        const plain = parsePlainly(spec, words, settings);
        if (plain === undefined) return;
        plainOnes += 1;
        expect(await parseExplaining(spec, words, settings)).toEqual(plain);
      }),
      { numRuns: 300 },
    );
    // The property was asked of something.
    expect(plainOnes).toBeGreaterThan(50);
  });
});

test.each([
  [
    archiveSpec,
    ['--min-copies=2'],
    ['arch1 arch2', '/archive', 'pg_wal/0000000100000000000000FF', '0000000100000000000000FF', 'main'],
  ],
  [archiveSpec, [], ['agent', 'run']],
  [
    remoteSpec,
    ['--dir', '/archive/main', '--cluster', 'main', '--allow', 'put,sync', '--peer', 'arch2=archive@arch2'],
    ['serve'],
  ],
  [remoteSpec, ['--dir=/archive/main', '--cluster=main', '--allow=get'], ['serve']],
  [restoreSpec, [], ['arch1 arch2', '/archive', '000000010000000000000001', 'pg_wal/RECOVERYXLOG']],
  [syncSpec, ['--checksum'], ['/archive/main', 'archive@arch2']],
] as const)('what is called every day is plain: %#', (spec, options, words) => {
  for (const line of [
    [...options, ...words],
    [...words, ...options],
  ]) {
    expect(parsePlainly(spec, line, {})?.words).toEqual(words);
  }
});

test.each([
  ['--help'],
  ['-h'],
  ['--version'],
  ['--nonsense'],
  ['--action=dance'],
  ['--check'],
  ['-z'],
  ['--dir.x=1'],
  ['--maxAhead=2'],
])('%s is for yargs to answer', (word) => {
  expect(parsePlainly(everyKind, ['a', word], {})).toBeUndefined();
});
