import { Failure } from '../../../base/failure.ts';
import { type Check, defaultCheckTimeoutMs } from './check.ts';

const headerPattern = /^--\s*(check|database|min|max|timeout)\s*:\s*(.*?)\s*$/;

/**
 * The checks of a file of SQL. Each begins with a line `-- check: NAME`; then may come `-- database: NAME`, `-- min: N`, `-- max: N`
 * and `-- timeout: SECONDS`; then its one statement. Throws Failure `usage` naming the line. Pure.
 */
export function parseChecks(text: string, path: string): Check[] {
  const checks: Draft[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const refuse = (problem: string) => new Failure('usage', `${path}, line ${index + 1}: ${problem}`, { hint });
    const [, key, value = ''] = headerPattern.exec(line) ?? [];
    const current = checks.at(-1);
    if (key === 'check') {
      if (value === '') throw refuse('the check has no name');
      if (checks.some(({ name }) => name === value)) throw refuse(`there are two checks "${value}"`);
      checks.push({ name: value, line: index + 1, lines: [], headers: {} });
    } else if (current === undefined) {
      if (line.trim() !== '' && !line.startsWith('--')) throw refuse('SQL before the first "-- check: NAME"');
    } else if (key !== undefined) {
      if (current.headers[key] !== undefined) throw refuse(`a second "${key}" of one check`);
      if (key !== 'database' && (value === '' || !Number.isFinite(Number(value))))
        throw refuse(`"${value}" is no number`);
      current.headers[key] = value;
    } else {
      current.lines.push(line);
    }
  }
  if (checks.length === 0) throw new Failure('usage', `${path} has no check`, { hint });
  return checks.map((draft) => finish(draft, path));
}

const hint =
  'A check is "-- check: NAME", if need be "-- database: NAME", "-- min: N", "-- max: N", and one statement.';

interface Draft {
  name: string;
  line: number;
  lines: string[];
  headers: Record<string, string>;
}

function finish({ name, line, lines, headers }: Draft, path: string): Check {
  const sql = oneStatement(lines.join('\n'));
  if (sql === '') throw new Failure('usage', `${path}, line ${line}: check "${name}" has no statement`, { hint });
  const number = (key: string) => (headers[key] === undefined ? undefined : Number(headers[key]));
  return {
    name,
    sql,
    database: headers['database'],
    min: number('min'),
    max: number('max'),
    timeoutMs: headers['timeout'] === undefined ? defaultCheckTimeoutMs : Number(headers['timeout']) * 1000,
  };
}

/** The check of a `--check` option: named by its text. Throws Failure `usage`. Pure. */
export function checkOfOption(text: string): Check {
  const sql = oneStatement(text);
  if (sql === '')
    throw new Failure('usage', '--check has no statement', { hint: 'As in --check "select count(*) > 0 from t".' });
  const name = sql.replaceAll(/\s+/g, ' ').slice(0, 80);
  return { name, sql, database: undefined, min: undefined, max: undefined, timeoutMs: defaultCheckTimeoutMs };
}

function oneStatement(text: string): string {
  return text.trim().replace(/(\s*;)+$/, '');
}
