import { backupDamaged } from '../../backups/backup-damage.ts';
import { crc32c } from '../../base/crc32c.ts';

/** What pg_control says that a check of pages needs. */
export interface ControlFile {
  /** Decimal. */
  readonly systemIdentifier: string;
  readonly hasPageChecksums: boolean;
  readonly blockBytes: number;
  /** Blocks in one file of a relation; the next ones are in the file with ".1" at its end. */
  readonly segmentBlocks: number;
}

/** `floatFormat`, which is the same in every version. */
const floatFormat = 1_234_567.0;
const searchedBytes = 512;

/**
 * Reads pg_control of PostgreSQL 12 to 18. Before `floatFormat` its fields differ between versions, after it hardly: so they are
 * found from there. Throws `backup_damaged` unless its CRC is right. Little-endian machines only.
 *
 * Source: ControlFileData in PostgreSQL 18 src/include/catalog/pg_control.h.
 */
export function parseControlFile(bytes: Buffer): ControlFile {
  for (let at = 8; at + 96 <= Math.min(bytes.length, searchedBytes); at += 8) {
    if (bytes.readDoubleLE(at) !== floatFormat) continue;
    // default_char_signedness came with version 18.
    const version = bytes.readUInt32LE(8);
    const crcAt = at + (version >= 1800 ? 84 : 80);
    if (crc32c(bytes.subarray(0, crcAt)) !== bytes.readUInt32LE(crcAt)) break;
    return {
      systemIdentifier: String(bytes.readBigUInt64LE(0)),
      blockBytes: bytes.readUInt32LE(at + 8),
      segmentBlocks: bytes.readUInt32LE(at + 12),
      hasPageChecksums: bytes.readUInt32LE(at + 44) !== 0,
    };
  }
  throw backupDamaged('has a global/pg_control that is none');
}
