import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatLsn, lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { isEmptyOrProperPrefix, parseTimelineHistory } from '../../../packages/core/src/wal/timeline-history.ts';
import { parseTimelineId } from '../../../packages/core/src/wal/timeline-id.ts';
import { anyPosition } from './arbitraries.ts';
import { failureOf } from './expect-failure.ts';

const timeline4 = parseTimelineId('00000004');

function parse(text: string) {
  return parseTimelineHistory(Buffer.from(text), timeline4).map(({ timeline, switchLsn, reason }) => [
    timeline,
    formatLsn(switchLsn),
    reason,
  ]);
}

test('a history as PostgreSQL writes it: one line per ancestor, an empty one after what was copied', () => {
  expect(parse('1\t0/3000000\tno recovery target specified\n\n2\t0/5000128\tbefore 2024-01-01 00:00:00+00\n')).toEqual([
    [1, '0/3000000', 'no recovery target specified'],
    [2, '0/5000128', 'before 2024-01-01 00:00:00+00'],
  ]);
});

test('comments, blank lines, spaces and a missing last newline are accepted, as PostgreSQL does', () => {
  expect(parse('# by hand\n  \n\t# more\n 1 0/3000000 because\r\n3\ta/ff\tby hand')).toEqual([
    [1, '0/3000000', 'because'],
    [3, 'A/FF', 'by hand'],
  ]);
  expect(parse('1 0/3000000\n')).toEqual([[1, '0/3000000', '']]);
});

test('switch positions may go back: a recovery may end before the branch point of its target timeline', () => {
  expect(parse('1\t0/9000000\tx\n2\t0/4000000\tx\n').map(([, lsn]) => lsn)).toEqual(['0/9000000', '0/4000000']);
});

test.each([
  ['an empty file', ''],
  ['blank lines and comments only', '\n# nothing\n\n'],
  ['zeros', '\0'.repeat(64)],
  ['zeros after a good line', '1\t0/3000000\tx\n\0\0\0\0'],
  ['a line without a position', '1\n'],
  ['a line without a timeline', '0/3000000\tx\n'],
  ['half a position', '1\t0/\n'],
  ['a position that is too long', '1\t0/300000000\tx\n'],
  ['words', 'one\t0/3000000\tx\n'],
  ['timeline 0', '0\t0/3000000\tx\n'],
  ['a timeline beyond 32 bits', '4294967296\t0/3000000\tx\n'],
  ['the same timeline twice', '1\t0/3000000\tx\n1\t0/4000000\tx\n'],
  ['timelines that go back', '2\t0/3000000\tx\n1\t0/4000000\tx\n'],
  ['the timeline itself', '1\t0/3000000\tx\n4\t0/4000000\tx\n'],
  ['a later timeline', '5\t0/3000000\tx\n'],
  ['an end within a position', '1\t0/3000000\tx\n2\t0/5000'],
  ['WAL', '\x10\xd1\x02\x00'],
])('%s is damage', (_what, text) => {
  const failure = failureOf('damaged', () => parse(text));
  expect(failure.message).toMatch(/^00000004\.history [\x20-\x7e]+$/);
  expect(failure.hint).toContain('other archive host');
});

test('a malformed line is shown without its control characters, and cut', () => {
  const { message } = failureOf('damaged', () => parse(`\x1b[2J${'x'.repeat(5000)}\n`));
  expect(message).toContain('\\x1b[2J');
  expect(message.length).toBeLessThan(400);
});

test('every history that is written is read back', () => {
  const histories = fc
    .uniqueArray(fc.integer({ min: 1, max: 3 }), { minLength: 1 })
    .chain((timelines) =>
      fc.tuple(
        fc.constant(timelines.sort((a, b) => a - b)),
        fc.array(anyPosition, { minLength: timelines.length, maxLength: timelines.length }),
      ),
    );
  fc.assert(
    fc.property(histories, ([timelines, positions]) => {
      const rows = timelines.map((timeline, i) => [timeline, formatLsn(lsnFromBytes(positions[i]!)), 'why not']);
      expect(parse(rows.map((row) => `${row.join('\t')}\n`).join('\n'))).toEqual(rows);
    }),
  );
});

test('only an empty file or a beginning of the newcomer is a torn write', () => {
  const newcomer = Buffer.from('1\t0/3000000\tx\n');
  expect(isEmptyOrProperPrefix(Buffer.alloc(0), newcomer)).toBe(true);
  for (let length = 1; length < newcomer.length; length++) {
    expect(isEmptyOrProperPrefix(newcomer.subarray(0, length), newcomer)).toBe(true);
  }
  expect(isEmptyOrProperPrefix(newcomer, newcomer)).toBe(false);
  expect(isEmptyOrProperPrefix(Buffer.concat([newcomer, newcomer]), newcomer)).toBe(false);
  expect(isEmptyOrProperPrefix(Buffer.from('2'), newcomer)).toBe(false);
  expect(isEmptyOrProperPrefix(Buffer.from('1\t0/4'), newcomer)).toBe(false);
});
