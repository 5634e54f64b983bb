import type { Band } from './picture.ts';

/** All of the time that is shown. */
export function unknownBand(reason: string, nowMs: number): Band {
  return { kind: 'unknown', fromMs: Number.NEGATIVE_INFINITY, toMs: nowMs, what: `not known: ${reason}` };
}
