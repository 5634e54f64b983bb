import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  formatSegmentName,
  historyNameOf,
  isArchiveFileName,
  parseArchiveFileName,
} from '../../../packages/core/src/wal/archive-file.ts';
import { anyTimeline } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

const anyHalf = fc.integer({ min: 0, max: 0xffffffff });

test('each of the four forms that PostgreSQL archives is told apart', () => {
  const position = { timeline: 1, log: 0xa, seg: 0xfe };
  expect(parseArchiveFileName('000000010000000A000000FE')).toEqual({
    kind: 'segment',
    name: '000000010000000A000000FE',
    ...position,
  });
  expect(parseArchiveFileName('000000010000000A000000FE.partial')).toEqual({
    kind: 'partial',
    name: '000000010000000A000000FE.partial',
    ...position,
  });
  expect(parseArchiveFileName('000000010000000A000000FE.00000028.backup')).toEqual({
    kind: 'backup',
    name: '000000010000000A000000FE.00000028.backup',
    ...position,
    offset: 0x28,
  });
  expect(parseArchiveFileName('FFFFFFFF.history')).toEqual({
    kind: 'history',
    name: 'FFFFFFFF.history',
    timeline: 4294967295,
  });
});

test('a name that is built from its parts is read back as the same parts', () => {
  fc.assert(
    fc.property(anyTimeline, anyHalf, anyHalf, (timeline, log, seg) => {
      const name = formatSegmentName(timeline, log, seg);
      expect(parseArchiveFileName(name)).toEqual({ kind: 'segment', name, timeline, log, seg });
      expect(parseArchiveFileName(historyNameOf(timeline))).toMatchObject({ kind: 'history', timeline });
    }),
  );
});

const good = '000000010000000000000003';

const refused: [string, string][] = [
  ['a way out of the directory', '../../x'],
  ['a way out before a good name', `../${good}`],
  ['a way out in place of digits', '0000000100000000../../etc'],
  ['an absolute path', '/etc/x'],
  ['an absolute path to a good name', `/etc/${good}`],
  ['a substitution', '$(id)'],
  ['a substitution after a good name', `${good}$(id)`],
  ['backquotes', `\`id\``],
  ['a semicolon', ';'],
  ['a command after a good name', `${good};id`],
  ['a newline', '\n'],
  ['a newline after a good name', `${good}\n`],
  ['a newline before a good name', `\n${good}`],
  ['two good names on two lines', `${good}\n${good}`],
  ['NUL', '\0'],
  ['NUL after a good name', `${good}\0`],
  ['NUL within a good name', `${good.slice(0, 12)}\0${good.slice(13)}`],
  ['an option', '-rf'],
  ['64 characters', 'A'.repeat(64)],
  ['65 digits', '0'.repeat(65)],
  ['a good name 3 times over', good.repeat(3)],
  ['a megabyte', '0'.repeat(2 ** 20)],
  ['a terminal escape', '\x1b[2J'],
  ['a terminal escape after a good name', `${good}\x1b]0;x\x07`],
  ['nothing', ''],
  ['a space after a good name', `${good} `],
  ['lower-case digits', '00000001000000000000000a'],
  ['lower-case digits of a history file', '0000000a.history'],
  ['upper-case suffixes', `${good}.PARTIAL`],
  ['23 digits', good.slice(1)],
  ['25 digits', `${good}0`],
  ['a digit that is none', '0000000100000000000000G3'],
  ['wide digits', '００００００010000000000000003'],
  ['timeline 0', '000000000000000000000003'],
  ['the history of timeline 0', '00000000.history'],
  ['a compressed segment', `${good}.gz`],
  ['a partial of a partial', `${good}.partial.partial`],
  ['a history file with a position', `${good}.history`],
  ['a partial history', '00000002.history.partial'],
  ['a partial without a position', '00000002.partial'],
  ['a backup without an offset', `${good}.backup`],
  ['a backup with a short offset', `${good}.0000028.backup`],
  ['a backup with a lower-case offset', `${good}.0000002a.backup`],
  ['a dot', '.'],
  ['two dots', '..'],
  ['a write in progress', `.${good}.a1b2.part`],
  ['a dot after a good name', `${good}.`],
];

describe('what is not exactly a name is refused before any I/O', () => {
  test.each(refused)('%s', (_what, name) => {
    const failure = failureOf('bad_name', () => parseArchiveFileName(name));
    expect(failure.hint).toMatch(/\.$/);
    expect(failure.message).toMatch(/^[\x20-\x7e]+$/);
    expect(failure.message.length).toBeLessThan(400);
    expect(isArchiveFileName(name)).toBe(false);
  });
});

test('whatever is accepted is short, plain and without a separator', () => {
  const nearlyNames = fc.stringMatching(/^[0-9A-Ga-f]{7,25}(\.(partial|history|backup|[0-9A-F]{8}\.backup))?\n?$/);
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 50 }), nearlyNames), (text) => {
      if (isArchiveFileName(text)) {
        expect(text).toMatch(/^[0-9A-F]{8}(?:[0-9A-F]{16})?(?:\.[0-9A-F]{8})?(?:\.[a-z]+)?$/);
        expect(parseArchiveFileName(text).name).toBe(text);
      } else {
        expect(failureOf('bad_name', () => parseArchiveFileName(text)).message).toMatch(/^[\x20-\x7e]+$/);
      }
    }),
  );
});

test('a path is answered with the parameter to use', () => {
  expect(failureOf('bad_name', () => parseArchiveFileName(`pg_wal/${good}`)).hint).toContain('%f');
});

test('lower-case digits are answered with the case to use', () => {
  expect(failureOf('bad_name', () => parseArchiveFileName('00000001000000000000000a')).hint).toContain('upper case');
});
