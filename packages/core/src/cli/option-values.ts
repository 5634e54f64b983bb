import { Failure } from '../base/failure.ts';

/** A whole number within bounds from an option's text. Throws Failure `usage`. */
export function wholeNumber(options: Record<string, unknown>, name: string, min: number, max: number): number {
  const text = String(options[name]);
  const value = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(value) && value >= min && value <= max) return value;
  throw new Failure('usage', `${spelled(name)} ${JSON.stringify(text)} is not a whole number from ${min} to ${max}`);
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
    `${spelled(name)} ${JSON.stringify(text)} is not a time from ${minSeconds} to ${maxSeconds} seconds`,
  );
}

const units: Readonly<Record<string, number>> = { '': 1, B: 1, KB: 2 ** 10, MB: 2 ** 20, GB: 2 ** 30, TB: 2 ** 40 };

/** A size with a unit of PostgreSQL's settings ("256MB", "1GB", "65536"), in bytes; units are powers of 1024. Throws Failure `usage`. */
export function sizeToBytes(options: Record<string, unknown>, name: string, maxBytes: number): number {
  const text = String(options[name]);
  const [, number, unit = ''] = /^\s*(\d+)\s*([a-z]*)\s*$/i.exec(text) ?? [];
  const factor = units[unit.toUpperCase()];
  const bytes = Number(number) * (factor ?? Number.NaN);
  if (Number.isSafeInteger(bytes) && bytes <= maxBytes) return bytes;
  throw new Failure('usage', `--${name} ${JSON.stringify(text)} is not a size as 256MB or 1GB`);
}

/** A rate that is given in MiB per second ("64", "0.5"), in bytes per second; 0 is no limit. Throws Failure `usage`. */
export function bytesPerSecond(options: Record<string, unknown>, name: string): number {
  const text = String(options[name]);
  const mebibytes = Number(text);
  if (text.trim() !== '' && mebibytes >= 0 && mebibytes <= 1_000_000) return Math.round(mebibytes * 1024 * 1024);
  throw new Failure('usage', `--${name} ${JSON.stringify(text)} is not a rate from 0 to 1000000 MiB per second`);
}

/** A number of days ("7", "0.5"), in milliseconds. Throws Failure `usage`. */
export function daysToMs(options: Record<string, unknown>, name: string): number {
  const days = decimal(options, name, 36_500, 'a number of days');
  return Math.round(days * 86_400_000);
}

/** A share from 0 to 1. Throws Failure `usage`. */
export function fraction(options: Record<string, unknown>, name: string): number {
  return decimal(options, name, 1, 'a share from 0 to 1');
}

function decimal(options: Record<string, unknown>, name: string, max: number, what: string): number {
  const text = String(options[name]);
  const value = Number(text);
  if (text.trim() !== '' && value >= 0 && value <= max) return value;
  throw new Failure('usage', `--${name} ${JSON.stringify(text)} is not ${what}`);
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
  throw new Failure('usage', `--${name} is missing`, {
    hint: 'Give it in the call, or in the settings file of the command in /etc/default; --help says what it is.',
  });
}

/** As the help has it: a flag with its dashes, a word of the command line in capitals. */
function spelled(name: string): string {
  return name === name.toUpperCase() ? name : `--${name}`;
}
