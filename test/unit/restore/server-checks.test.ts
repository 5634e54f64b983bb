import { describe, expect, test } from 'vitest';
import { checkDatabase } from '../../../packages/core/src/restore/server/checks/inspect-databases.ts';
import { judgeAnswer } from '../../../packages/core/src/restore/server/checks/judge-answer.ts';
import { checkOfOption, parseChecks } from '../../../packages/core/src/restore/server/checks/parse-checks.ts';

const boolean = 16;
const bigint = 20;
const numeric = 1700;
const text = 25;

describe('the answer of a check', () => {
  const judge = (type: number, value: string | null, bounds: { min?: number; max?: number } = {}) =>
    judgeAnswer({ columnTypes: [type], rows: [[value]] }, { min: bounds.min, max: bounds.max });

  test.each([
    [boolean, 't', {}],
    [bigint, '1000', { min: 1000 }],
    [bigint, '1000', { max: 1000 }],
    [numeric, '0.5', { min: 0.1, max: 0.9 }],
  ])('of type %i that is %j passes within %o', (type, value, bounds) => {
    expect(judge(type, value, bounds)).toEqual({ ok: true, value: value === 't' ? 'true' : value });
  });

  test.each([
    [boolean, 'f', {}, 'it gave false'],
    [boolean, null, {}, 'it gave null'],
    [bigint, null, { min: 0 }, 'it gave null'],
    [bigint, '999', { min: 1000 }, '999 is less than 1000'],
    [bigint, '1001', { max: 1000 }, '1001 is more than 1000'],
    [bigint, '5', {}, 'no bounds'],
    [numeric, 'NaN', { min: 0 }, 'no finite number'],
    [text, 'true', {}, 'neither a boolean nor a number'],
  ])('of type %i that is %j fails within %o', (type, value, bounds, problem) => {
    expect(judge(type, value, bounds)).toMatchObject({ ok: false, problem: expect.stringContaining(problem) });
  });

  test('must be one row of one column', () => {
    const bounds = { min: undefined, max: undefined };
    const fails = (columnTypes: number[], rows: string[][]) => judgeAnswer({ columnTypes, rows }, bounds);
    expect(fails([boolean], [])).toMatchObject({ ok: false, problem: 'it gave no row' });
    expect(fails([boolean], [['t'], ['t']])).toMatchObject({ ok: false, problem: 'it gave several rows' });
    expect(fails([boolean, boolean], [['t', 't']])).toMatchObject({
      ok: false,
      problem: expect.stringContaining('2 columns'),
    });
    expect(fails([], [])).toMatchObject({ ok: false });
  });
});

describe('a file of checks', () => {
  test('has a name, headers and one statement for each', () => {
    const checks = parseChecks(
      '-- of the shop\n\n-- check: fresh odds\n-- database: shop\n--min: 10\n-- max: 1e6\n-- timeout: 5\nselect count(*) -- a comment\nfrom odds;\n\n-- check: b\nselect true;;\n',
      'f',
    );
    expect(checks).toEqual([
      {
        name: 'fresh odds',
        sql: 'select count(*) -- a comment\nfrom odds',
        database: 'shop',
        min: 10,
        max: 1e6,
        timeoutMs: 5000,
      },
      { name: 'b', sql: 'select true', database: undefined, min: undefined, max: undefined, timeoutMs: 60_000 },
    ]);
  });

  test.each([
    ['select 1', 'line 1: SQL before'],
    ['', 'f has no check'],
    ['-- check:\nselect 1', 'line 1: the check has no name'],
    ['-- check: a\n-- check: b\nselect true', 'line 1: check "a" has no statement'],
    ['-- check: a\nselect true\n-- check: a\nselect true', 'line 3: there are two checks "a"'],
    ['-- check: a\n-- min: many\nselect 1', 'line 2: "many" is no number'],
    ['-- check: a\n-- min: 1\n-- min: 2\nselect 1', 'line 3: a second "min"'],
  ])('that says %j is refused', (content, problem) => {
    expect(() => parseChecks(content, 'f')).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringContaining(problem) }),
    );
  });

  test('is not needed for one: its text is its name', () => {
    expect(checkOfOption(' select  count(*) > 0\n from t ; ')).toMatchObject({
      name: 'select count(*) > 0 from t',
      sql: expect.stringMatching(/t$/),
    });
    expect(() => checkOfOption(' ; ')).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});

test('a check that names no database is for the only one that is somebody’s', () => {
  const named = (...names: string[]) => checkDatabase(names.map((name) => ({ name })));
  expect(named('postgres', 'shop', 'template0', 'template1')).toBe('shop');
  expect(named('postgres', 'shop', 'odds')).toBe('postgres');
  expect(named('postgres')).toBe('postgres');
});
