import { Failure } from '../base/failure.ts';

/** A position in the WAL, in bytes from its beginning: 0 to 2^64 - 1. PostgreSQL writes it as "A/FE000000". */
export type Lsn = bigint & { readonly brand: 'Lsn' };

const largest = 2n ** 64n - 1n;

/** Throws RangeError for a number that is no position: what comes from outside goes through a parser first. */
export function lsnFromBytes(position: bigint): Lsn {
  if (position < 0n || position > largest) throw new RangeError(`${position} is not a WAL position`);
  return position as Lsn;
}

/** Takes what pg_lsn_in takes: two halves of one to eight hexadecimal digits in either case; else undefined. */
export function tryParseLsn(text: string): Lsn | undefined {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (!match) return undefined;
  return ((BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`)) as Lsn;
}

/** As tryParseLsn, for what a person typed: throws `usage`. */
export function parseLsn(text: string): Lsn {
  const lsn = tryParseLsn(text);
  if (lsn === undefined) {
    throw new Failure('usage', `${JSON.stringify(text.slice(0, 40))} is not a WAL position`, {
      hint: 'A WAL position is two hexadecimal numbers, as in A/FE000000.',
    });
  }
  return lsn;
}

/** As PostgreSQL 12 to 18 print it (`%X/%X`): "0/3000028". */
export function formatLsn(lsn: Lsn): string {
  const half = (value: bigint) => value.toString(16).toUpperCase();
  return `${half(lsn >> 32n)}/${half(lsn & 0xffffffffn)}`;
}

export function compareLsn(a: Lsn, b: Lsn): -1 | 0 | 1 {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
