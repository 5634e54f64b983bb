import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Column, formatTable } from '../../../packages/core/src/cli/table.ts';

const columns: readonly Column[] = [
  { title: 'NAME', atLeast: 4 },
  { title: 'SIZE', align: 'right' },
  { title: 'NOTE', atLeast: 6, dispensable: 1 },
];
const rows = [
  ['main', '12 GiB', 'all is well with it'],
  ['a-long-name', '7 KiB', ''],
];
const plain = (width?: number) => ({ width, colours: false });

describe('a table', () => {
  test('has columns as wide as their longest cell, and no blanks at the ends of its lines', () => {
    expect(formatTable(columns, rows, plain())).toBe(
      ['NAME           SIZE  NOTE', 'main         12 GiB  all is well with it', 'a-long-name   7 KiB', ''].join('\n'),
    );
  });

  test('takes from the widest column that may be cut where the terminal is narrow', () => {
    expect(formatTable(columns, rows, plain(34))).toBe(
      ['NAME           SIZE  NOTE', 'main         12 GiB  all is well …', 'a-long-name   7 KiB', ''].join('\n'),
    );
    expect(formatTable(columns, rows, plain(24))).toBe(
      ['NAME       SIZE  NOTE', 'main     12 GiB  all is…', 'a-long…   7 KiB', ''].join('\n'),
    );
  });

  test('leaves out what is dispensable when cutting is not enough, and what is not stays', () => {
    expect(formatTable(columns, rows, plain(19))).toBe(
      ['NAME           SIZE', 'main         12 GiB', 'a-long-name   7 KiB', ''].join('\n'),
    );
    expect(formatTable(columns, rows, plain(3))).toBe(['NAME    SIZE', 'main  12 GiB', 'a-l…   7 KiB', ''].join('\n'));
  });

  test('never lets a cell act on the terminal, or break the line', () => {
    const text = formatTable([{ title: 'A' }], [['\u001b[2Jx\ny\u009b']], plain());
    expect(text).toBe('A\n\\x1b[2Jx\\x0ay\\x9b\n');
  });

  test('has the same letters with colours', () => {
    const coloured = formatTable(columns, [[{ text: 'main', tone: 'bad' }, '1', '']], {
      width: undefined,
      colours: true,
    });
    expect(coloured).toContain('\u001b[31mmain\u001b[0m');
    expect(coloured.replaceAll(/\p{Cc}\[\d*m/gu, '')).toBe(formatTable(columns, [['main', '1', '']], plain()));
  });

  test('fits every width that its columns can be cut to', () => {
    const cell = fc.string({ maxLength: 40 });
    const table = fc.array(fc.tuple(cell, fc.string({ maxLength: 6 }), cell), { maxLength: 5 });
    fc.assert(
      // NAME and SIZE at their least, an escaped character of SIZE taking four.
      fc.property(table, fc.integer({ min: 4 + 2 + 24, max: 200 }), (cells, width) => {
        for (const line of formatTable(columns, cells, plain(width)).split('\n')) {
          expect(Array.from(line).length).toBeLessThanOrEqual(width);
        }
      }),
    );
  });
});
