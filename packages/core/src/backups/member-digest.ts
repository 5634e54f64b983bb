import { createHash, type Hash } from 'node:crypto';
import { crc32c } from '../base/crc32c.ts';
import { backupDamaged, shownName } from './backup-damage.ts';

/** What PostgreSQL may write as a file's Checksum-Algorithm, and the length of the checksum in bytes. */
const checksumBytes = { CRC32C: 4, SHA224: 28, SHA256: 32, SHA384: 48, SHA512: 64 } as const;

export type ChecksumAlgorithm = keyof typeof checksumBytes;

export const checksumAlgorithms = Object.keys(checksumBytes) as ChecksumAlgorithm[];

export function checksumLength(algorithm: ChecksumAlgorithm): number {
  return checksumBytes[algorithm];
}

/** Throws `backup_damaged` for anything else, `NONE` too: we ask for checksums. */
export function parseChecksumAlgorithm(text: unknown): ChecksumAlgorithm {
  const algorithm = checksumAlgorithms.find((known) => known === text);
  if (algorithm === undefined)
    throw backupDamaged(`has a manifest with the checksum algorithm ${shownName(String(text))}`);
  return algorithm;
}

/** The checksum of one file's content, taken piece by piece. */
export class MemberDigest {
  private readonly hash: Hash | undefined;
  private crc = 0;

  constructor(algorithm: ChecksumAlgorithm) {
    this.hash = algorithm === 'CRC32C' ? undefined : createHash(algorithm.toLowerCase());
  }

  update(bytes: Buffer): void {
    if (this.hash === undefined) this.crc = crc32c(bytes, this.crc);
    else this.hash.update(bytes);
  }

  /** As the manifest has it: a CRC in the order of the processor's bytes, which is little-endian wherever we run. */
  value(): Buffer {
    if (this.hash !== undefined) return this.hash.digest();
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(this.crc);
    return bytes;
  }
}
