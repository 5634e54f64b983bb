import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseArguments } from '../../../packages/core/src/cli/arguments.ts';
import type { CommandSpec } from '../../../packages/core/src/cli/command-spec.ts';
import {
  optionalText,
  requiredText,
  secondsToMs,
  sizeToBytes,
  wholeNumber,
} from '../../../packages/core/src/cli/option-values.ts';
import { failureFrom } from '../base/expect-failure.ts';

const spec: CommandSpec = {
  command: 'archive_cmd',
  usage: ['FILE'],
  summary: 'Does something.',
  options: {
    'retry-count': { type: 'string', default: '3', describe: 'tries' },
    agent: { type: 'boolean', default: true, describe: 'use the agent' },
    'state-dir': { type: 'string', describe: 'directory' },
  },
  exitStatus: [['0', 'well']],
  version: '1.2.3',
};

describe('a setting', () => {
  const sources = [
    ['the flag', { args: ['--retry-count=1'], environment: { 'retry-count': '2' }, file: { 'retry-count': '4' } }, '1'],
    ['the environment', { args: [], environment: { 'retry-count': '2' }, file: { 'retry-count': '4' } }, '2'],
    ['the file', { args: [], environment: {}, file: { 'retry-count': '4' } }, '4'],
    ['the default', { args: [], environment: {}, file: {} }, '3'],
  ] as const;

  test.each(sources)(
    'comes from %s where nothing goes before it',
    async (_what, { args, environment, file }, value) => {
      const { options } = await parseArguments(spec, args, { environment, file });
      expect(options['retry-count']).toBe(value);
    },
  );

  test('of another command in the file or the environment is left out', async () => {
    const others = { 'max-ahead': '1', help: 'true', version: 'true', config: 'x' };
    const { options, answer } = await parseArguments(spec, [], { environment: others, file: others });
    expect(Object.keys(options)).not.toContain('max-ahead');
    expect(answer).toBeUndefined();
  });

  test('that is on or off can be set from a file', async () => {
    const file = { agent: 'false' };
    expect((await parseArguments(spec, [], { environment: {}, file })).options['agent']).toBe(false);
    expect((await parseArguments(spec, ['--agent'], { environment: {}, file })).options['agent']).toBe(true);
    expect((await parseArguments(spec, ['--no-agent'])).options['agent']).toBe(false);
  });

  test('that is empty in the environment is set to nothing, not to the default', async () => {
    const { options } = await parseArguments(spec, [], { environment: { 'retry-count': '' }, file: {} });
    await failureFrom('usage', () => wholeNumber(options, 'retry-count', 0, 10));
  });
});

describe('the words of a command line', () => {
  test('are left as they are, also those that look like numbers', async () => {
    const words = ['arch1 arch2', '/storage/main/logs.complete', '000000010000000000000001', '1e5', '0x10', '007'];
    expect((await parseArguments(spec, words)).words).toEqual(words);
    expect((await parseArguments(spec, ['--retry-count=1', ...words])).words).toEqual(words);
    expect((await parseArguments(spec, [...words, '--retry-count', '1'])).words).toEqual(words);
  });

  test('after "--" are never options', async () => {
    const { words, options } = await parseArguments(spec, ['--', '--retry-count=9', '-x']);
    expect([words, options['retry-count']]).toEqual([['--retry-count=9', '-x'], '3']);
  });

  test.each([
    ['--nonsense'],
    ['--retry-cuont=1'],
    ['-z'],
    ['--state-dir'],
    ['--stateDir=x'],
    ['--state-dir.x=y'],
    ['-_'],
  ])('%j are refused when no option is meant', async (word) => {
    const failure = await failureFrom('usage', async () => {
      const { options } = await parseArguments(spec, [word]);
      requiredText(options, 'state-dir');
    });
    expect([failure.exit, failure.hint]).toEqual([2, expect.stringContaining('--help')]);
  });

  test.each([
    ['--help', 'Does something.'],
    ['-h', 'EXIT STATUS'],
    ['--version', 'archive_cmd (archive2) 1.2.3'],
  ])('%s are answered, and nothing is done', async (word, text) => {
    expect((await parseArguments(spec, [word])).answer).toContain(text);
    expect((await parseArguments(spec, ['a', word, 'b'])).answer).toContain(text);
  });
});

describe('an option’s value', () => {
  test('is a whole number within its bounds or refused', async () => {
    const accepted = (text: string) => {
      try {
        return wholeNumber({ n: text }, 'n', 0, 1000);
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(fc.oneof(fc.integer(), fc.integer({ min: -10, max: 1010 })), (n) => {
        expect(accepted(String(n))).toBe(n >= 0 && n <= 1000 ? n : undefined);
      }),
    );
    for (const text of ['', ' ', 'x', '1.5', 'NaN', 'Infinity', '1,000', 'undefined'])
      expect(accepted(text)).toBeUndefined();
  });

  test('in seconds may have a fraction, and becomes whole milliseconds', async () => {
    expect(secondsToMs({ t: '3' }, 't', 0, 10)).toBe(3000);
    expect(secondsToMs({ t: '0.25' }, 't', 0, 10)).toBe(250);
    expect(secondsToMs({ t: '0' }, 't', 0, 10)).toBe(0);
    for (const t of ['', '-1', '11', '3s', 'NaN', 'Infinity'])
      await failureFrom('usage', () => secondsToMs({ t }, 't', 0, 10));
  });

  test('in bytes may have a unit of PostgreSQL’s', async () => {
    const sizes = {
      '65536': 65_536,
      '256MB': 2 ** 28,
      '256 mb': 2 ** 28,
      '1GB': 2 ** 30,
      '2kB': 2048,
      '3B': 3,
      '0': 0,
    };
    for (const [text, bytes] of Object.entries(sizes)) expect(sizeToBytes({ s: text }, 's', 2 ** 40), text).toBe(bytes);
    for (const s of ['', 'MB', '-1MB', '1.5GB', '1 000', '1GiB', '5TB', '99999999999999999999', 'undefined'])
      await failureFrom('usage', () => sizeToBytes({ s }, 's', 2 ** 40));
  });

  test('that is a text is given once, and where it must be, is not empty', async () => {
    expect(optionalText({}, 'x')).toBeUndefined();
    expect(optionalText({ x: 'y' }, 'x')).toBe('y');
    await failureFrom('usage', () => optionalText({ x: ['a', 'b'] }, 'x'));
    await failureFrom('usage', () => requiredText({ x: '' }, 'x'));
    await failureFrom('usage', () => requiredText({}, 'x'));
  });
});
