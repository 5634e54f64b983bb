import type { Check } from './check.ts';

/** What a check's statement gave: its rows as they came, at most `rowLimit` and one more. */
export interface Answer {
  /** Type OIDs of the columns. */
  readonly columnTypes: readonly number[];
  /** As PostgreSQL writes values: "t", "1000". */
  readonly rows: readonly (readonly (string | null)[])[];
}

export type Verdict = { ok: true; value: string } | { ok: false; value: string | undefined; problem: string };

const booleanType = 16;
/** int8, int2, int4, oid, float4, float8, numeric. */
const numberTypes = new Set([20, 21, 23, 26, 700, 701, 1700]);

/** Exactly one row with one value that is true, or a number within its bounds; everything else fails. Pure. */
export function judgeAnswer({ columnTypes, rows }: Answer, { min, max }: Pick<Check, 'min' | 'max'>): Verdict {
  const fail = (problem: string, value?: string): Verdict => ({ ok: false, value, problem });
  const [type, ...otherTypes] = columnTypes;
  if (type === undefined || otherTypes.length > 0) return fail(`it gave ${columnTypes.length} columns instead of one`);
  const [row, ...otherRows] = rows;
  if (row === undefined) return fail('it gave no row');
  if (otherRows.length > 0) return fail('it gave several rows');
  const [text = null] = row;
  if (text === null) return fail('it gave null', 'null');
  if (type === booleanType) return text === 't' ? { ok: true, value: 'true' } : fail('it gave false', 'false');
  if (!numberTypes.has(type)) return fail('it gave neither a boolean nor a number', text.slice(0, 200));
  if (min === undefined && max === undefined) return fail('it gave a number, and the check has no bounds for it', text);
  const number = Number(text);
  if (!Number.isFinite(number)) return fail('it gave no finite number', text);
  if (min !== undefined && number < min) return fail(`${text} is less than ${min}`, text);
  if (max !== undefined && number > max) return fail(`${text} is more than ${max}`, text);
  return { ok: true, value: text };
}
