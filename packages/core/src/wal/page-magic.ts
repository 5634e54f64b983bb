import { Failure } from '../base/failure.ts';

/** XLOG_PAGE_MAGIC of each release, from src/include/access/xlog_internal.h of its branch. */
const majorOfMagic = new Map([
  [0xd101, 12],
  [0xd106, 13],
  [0xd10d, 14],
  [0xd110, 15],
  [0xd113, 16],
  [0xd116, 17],
  [0xd118, 18],
]);

const newestKnownMagic = Math.max(...majorOfMagic.keys());

/**
 * The PostgreSQL major version that writes this page magic; undefined for a newer one than this program knows.
 *
 * A magic above the newest known is accepted: each release raises it, the long header behind it has stayed the same
 * since PostgreSQL 12, and its other fields are still checked. Refusing it would stop archiving after an upgrade of
 * PostgreSQL, and a pg_wal that fills up is worse. Everything else (older releases, development versions between
 * two releases, noise) throws `bad_page_header`.
 */
export function postgresMajorOfMagic(magic: number): number | undefined {
  const major = majorOfMagic.get(magic);
  if (major !== undefined) return major;
  if (magic > newestKnownMagic && magic <= 0xdfff) return undefined;
  const shown = magic.toString(16).toUpperCase().padStart(4, '0');
  const swapped = ((magic & 0xff) << 8) | (magic >> 8);
  throw new Failure('bad_page_header', `the segment begins with page magic ${shown}, not that of PostgreSQL 12 to 18`, {
    hint: majorOfMagic.has(swapped)
      ? 'The bytes are swapped: WAL of a big-endian machine is not supported.'
      : 'The file is not WAL, is damaged, or comes from a PostgreSQL older than 12 or from a development version.',
  });
}
