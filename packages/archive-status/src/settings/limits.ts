import { Failure } from '@archive2/core/base/failure.ts';

/** From where on something is a warning, and from where on it is critical; in the unit of what is measured. */
export interface Limits {
  readonly warning: number;
  readonly critical: number;
}

const unitsMs: Readonly<Record<string, number>> = { s: 1000, min: 60_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const unitsBytes: Readonly<Record<string, number>> = { B: 1, kB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** "24h" or "24h,48h", in milliseconds; one value is critical at once. Throws Failure `usage` that begins with `name`. */
export function parseAges(text: string, name: string): Limits {
  return pairOf(text, (part) => scaled(part, unitsMs), name, 'times like 90s, 30min, 24h or 7d');
}

/** As parseAges, where less is worse: the first is the greater one. */
export function parseRests(text: string, name: string): Limits {
  const { warning, critical } = pairOf(negated(text), (part) => scaled(part, unitsMs), name, 'times like 7d,1d');
  return { warning: critical, critical: warning };
}

/** "256MB,1GB", in bytes. */
export function parseSizes(text: string, name: string): Limits {
  return pairOf(text, (part) => scaled(part, unitsBytes), name, 'sizes like 256MB or 1GB');
}

/** "85,95", of a hundred. */
export function parsePercents(text: string, name: string): Limits {
  const percent = (part: string) => (/^\d+(?:\.\d+)?$/.test(part) && Number(part) <= 100 ? Number(part) : undefined);
  return pairOf(text, percent, name, 'per cent like 85,95');
}

/** One time, in milliseconds. */
export function parseAge(text: string, name: string): number {
  const value = scaled(text.trim(), unitsMs);
  if (value === undefined) throw wrong(text, name, 'a time like 90s, 30min, 24h or 7d');
  return value;
}

function negated(text: string): string {
  return text.split(',').toReversed().join(',');
}

function pairOf(text: string, parse: (part: string) => number | undefined, name: string, form: string): Limits {
  const values = text.split(',').map((part) => parse(part.trim()));
  const [warning, critical = warning] = values;
  if (values.length > 2 || values.includes(undefined)) throw wrong(text, name, form);
  if (warning === undefined || critical === undefined) throw wrong(text, name, form);
  if (critical < warning) throw wrong(text, name, `${form}, the warning before what is critical`);
  return { warning, critical };
}

function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(text) ?? [];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  return number === undefined || factor === undefined ? undefined : Number(number) * factor;
}

function wrong(text: string, name: string, form: string): Failure {
  return new Failure('usage', `${name}: ${JSON.stringify(text.slice(0, 60))} is not ${form}`);
}
