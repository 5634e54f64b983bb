export type StoredFormat = 'zstd' | 'gzip' | 'bzip2' | 'lz4' | 'plain';

/** Every magic number below fits in this many bytes. */
export const formatPrefixBytes = 4;

/**
 * Tells how a file is stored by its first four bytes; a shorter prefix cannot be told and must not be asked about.
 *
 * Plain content never looks compressed. A WAL page begins with its magic in little endian, so its second byte is D0 to
 * DF, which no magic number here has there. A history file begins with a digit, a space or `#`, a backup history file
 * with `START WAL LOCATION`. The old scripts' names carry no extension, so there is nothing else to go by.
 */
export function detectStoredFormat(prefix: Buffer): StoredFormat {
  if (prefix.length < formatPrefixBytes) throw new RangeError('the format is told by the first four bytes');
  const magic = prefix.readUInt32BE(0);
  if (magic === 0x28b52ffd) return 'zstd';
  // A skippable frame: never the first one of ours, but no plain content either.
  if ((magic & 0xf0ffffff) >>> 0 === 0x502a4d18) return 'zstd';
  if (magic >>> 16 === 0x1f8b) return 'gzip';
  if (magic >= 0x425a6831 && magic <= 0x425a6839) return 'bzip2';
  if (magic === 0x04224d18 || magic === 0x02214c18) return 'lz4';
  return 'plain';
}
