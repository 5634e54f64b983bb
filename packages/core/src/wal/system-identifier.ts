import { Failure } from '../base/failure.ts';

/** What initdb gave the cluster to tell it from every other: 1 to 2^64 - 1, written in decimal. */
export type SystemIdentifier = bigint & { readonly brand: 'SystemIdentifier' };

/** The identifier of that number, or undefined: initdb builds it from the time, so 0 is never one. */
export function systemIdentifierFromNumber(value: bigint): SystemIdentifier | undefined {
  return value >= 1n && value < 2n ** 64n ? (value as SystemIdentifier) : undefined;
}

/** Decimal digits, as pg_controldata prints them; throws `wrong_cluster`. */
export function parseSystemIdentifier(text: string): SystemIdentifier {
  const identifier = /^[1-9][0-9]{0,19}$/.test(text) ? systemIdentifierFromNumber(BigInt(text)) : undefined;
  if (identifier === undefined) {
    throw new Failure('wrong_cluster', `${JSON.stringify(text.slice(0, 40))} is not a system identifier`, {
      hint: 'It is the decimal number that pg_controldata prints as "Database system identifier".',
    });
  }
  return identifier;
}

export function formatSystemIdentifier(identifier: SystemIdentifier): string {
  return identifier.toString();
}
