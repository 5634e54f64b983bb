import { Failure } from '@archive2/core/base/failure.ts';

const form = /^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)\s*(Z|UTC|[+-]\d{2}(?::?\d{2})?)?$/i;

/**
 * A moment as PostgreSQL writes it ("2026-11-21 10:07:21.123+01") or as ISO 8601 does, in milliseconds since 1970. Without a zone it
 * is this machine's local time. Throws Failure `usage`.
 */
export function parseMoment(text: string): number {
  const [, date = '', time = '', zone = ''] = form.exec(text.trim()) ?? [];
  const moment = Date.parse(`${date}T${time}${isoZone(zone)}`);
  if (date !== '' && Number.isSafeInteger(moment)) return moment;
  throw new Failure('usage', `--until ${JSON.stringify(text)} is not a time`, {
    hint: 'Write it as PostgreSQL does, with a zone: "2026-11-21 10:07:21+00".',
  });
}

function isoZone(zone: string): string {
  if (zone === '') return '';
  if (/^(z|utc)$/i.test(zone)) return 'Z';
  const digits = zone.slice(1).replace(':', '').padEnd(4, '0');
  return `${zone[0]}${digits.slice(0, 2)}:${digits.slice(2)}`;
}
