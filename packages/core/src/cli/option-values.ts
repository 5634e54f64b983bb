import { Failure } from '../base/failure.ts';

/** A whole number within bounds from an option's text. Throws Failure `usage`. */
export function wholeNumber(options: Record<string, unknown>, name: string, min: number, max: number): number {
  const text = String(options[name]);
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new Failure('usage', `--${name} ${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
}

/** A duration that is given in seconds ("3", "0.5"), in milliseconds. Throws Failure `usage`. */
export function secondsToMs(
  options: Record<string, unknown>,
  name: string,
  minSeconds: number,
  maxSeconds: number,
): number {
  const text = String(options[name]);
  const seconds = Number(text);
  if (text.trim() !== '' && Number.isFinite(seconds) && seconds >= minSeconds && seconds <= maxSeconds) {
    return Math.round(seconds * 1000);
  }
  throw new Failure(
    'usage',
    `--${name} ${JSON.stringify(text)} is not a time from ${minSeconds} to ${maxSeconds} seconds`,
  );
}

/** An option's text; undefined when it was not given. Throws Failure `usage` when it was given more than once. */
export function optionalText(options: Record<string, unknown>, name: string): string | undefined {
  const value = options[name];
  if (value === undefined || typeof value === 'string') return value;
  throw new Failure('usage', `--${name} is given more than once`);
}

export function requiredText(options: Record<string, unknown>, name: string): string {
  const value = optionalText(options, name);
  if (value !== undefined && value !== '') return value;
  throw new Failure('usage', `--${name} is missing`);
}
