import { Failure } from '../base/failure.ts';

const form = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,6}))?\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i;

/**
 * A moment as PostgreSQL writes it ("2026-11-21 10:07:21.123456+01") or as ISO 8601 does, in milliseconds since 1970; microseconds are
 * the fraction. Without a zone it is this machine's local time. Throws Failure `usage`, which names the option.
 */
export function parseMoment(option: string, text: string): number {
  const [, date = '', time = '', fraction = '', zone = ''] = form.exec(text.trim()) ?? [];
  const moment = Date.parse(`${date}T${time}${isoZone(zone)}`);
  if (date !== '' && Number.isSafeInteger(moment)) return moment + Number(fraction.padEnd(6, '0')) / 1000;
  throw new Failure('usage', `--${option} ${JSON.stringify(text)} is not a time`, {
    hint: 'Write it as PostgreSQL does, with a zone: "2026-11-21 10:07:21+00".',
  });
}

function isoZone(zone: string): string {
  if (zone === '') return '';
  if (/^(z|utc)$/i.test(zone)) return 'Z';
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`;
}
