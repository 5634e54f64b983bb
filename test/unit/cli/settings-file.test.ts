import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  parseSettings,
  readSettingsFile,
  settingsOfEnvironment,
} from '../../../packages/core/src/cli/settings-file.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';

const path = '/etc/default/archive_cmd';

describe('a line', () => {
  test.each([
    ['retry_count=3', { 'retry-count': '3' }],
    ['RETRY_COUNT=3', { 'retry-count': '3' }],
    ['  retry_count=3  ', { 'retry-count': '3' }],
    ['export pwals=4', { pwals: '4' }],
    ['remote_cmd="sudo -u x archive_remote_cmd"', { 'remote-cmd': 'sudo -u x archive_remote_cmd' }],
    ["remote_cmd='sudo archive_remote_cmd'", { 'remote-cmd': 'sudo archive_remote_cmd' }],
    ['remote_cmd=sudo archive_remote_cmd', { 'remote-cmd': 'sudo archive_remote_cmd' }],
    ['remote_cmd="a # b"', { 'remote-cmd': 'a # b' }],
    ['pwals=4 # files in flight', { pwals: '4' }],
    ['pwals="4" # files in flight', { pwals: '4' }],
    ["pwals='4' # it's four", { pwals: '4' }],
    ["pwals='4' # 'four'", { pwals: '4' }],
    ['pwals=', { pwals: '' }],
    ['pwals=""', { pwals: '' }],
    ['pwals=4#5', { pwals: '4#5' }],
    ['dbname=postgresql://h/db?a=b', { dbname: 'postgresql://h/db?a=b' }],
    ["remote_cmd='costs $5'", { 'remote-cmd': 'costs $5' }],
    ['', {}],
    ['   ', {}],
    ['# pwals=4', {}],
    ['   # comment', {}],
  ])('%j is read as %j', (line, settings) => {
    expect(parseSettings(line, path)).toEqual(settings);
  });

  test.each([
    'pwals',
    'pwals = 4',
    '4pwals=4',
    '-x=4',
    'rm -rf /',
    '. /etc/other',
    'if true; then',
    'pwals=$N',
    'pwals=$(nproc)',
    'pwals=`nproc`',
    'pwals="$N"',
    'pwals="$(nproc)"',
    'pwals="`nproc`"',
    'pwals="a\\"b"',
    'pwals="a"b"',
    "pwals='a'b'",
    'pwals="a',
    "pwals='a",
    'pwals=a"b"',
    'pwals=4; reboot',
    'pwals=4 && reboot',
    'pwals=4 | tee',
    'pwals=4 > /etc/passwd',
    'pwals=a\\',
  ])('%j is refused, with its number', async (line) => {
    const failure = await failureFrom('usage', () => parseSettings(`# first\n\n${line}\npwals=1`, path));
    expect(failure.message).toContain(`${path} line 3 `);
    expect(failure.hint).toBeDefined();
  });
});

describe('a file', () => {
  test('may give a setting again: the last one counts, as in a shell', () => {
    expect(parseSettings('pwals=1\nPWALS=2\n', path)).toEqual({ pwals: '2' });
  });

  test('from another system may end its lines with a carriage return', () => {
    expect(parseSettings('pwals=1\r\nretry_count="2"\r\n', path)).toEqual({ pwals: '1', 'retry-count': '2' });
  });

  test('that is not there has no settings', () => {
    expect(readSettingsFile(join(temporaryDirectory(), 'missing'))).toEqual({});
  });

  test('that is there is read', () => {
    const file = join(temporaryDirectory(), 'archive_cmd');
    writeFileSync(file, 'pwals=7\n');
    expect(readSettingsFile(file)).toEqual({ pwals: '7' });
  });

  test('that cannot be read is an error, not an empty one', async () => {
    const file = join(temporaryDirectory(), 'archive_cmd');
    mkdirSync(file);
    await failureFrom('usage', () => readSettingsFile(file));
  });

  test('of whatever text gives texts or Failure usage, and its values are in it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', '=', '_', '"', "'", '#', '$', ' ', '\n', '\\', ';', '`') }),
        (text) => {
          try {
            for (const value of Object.values(parseSettings(text, path))) expect(text).toContain(value);
          } catch (error) {
            expect((error as { code?: string }).code).toBe('usage');
          }
        },
      ),
    );
  });
});

test('of the environment only what is meant for us is taken', () => {
  const environment = { ARCHIVE2_RETRY_COUNT: '5', RETRY_COUNT: '6', archive2_pwals: '7', ARCHIVE2_PWALS: undefined };
  expect(settingsOfEnvironment(environment)).toEqual({ 'retry-count': '5' });
});
