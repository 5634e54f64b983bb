import { backupDamaged, shownName } from '../../backups/backup-damage.ts';
import type { ManifestFile } from '../../backups/member-book.ts';
import { type ChecksumAlgorithm, checksumLength } from '../../backups/member-digest.ts';

/**
 * What a backup's manifest says must come, to be struck off as it comes: so a file that is wrong is known when it was read, not at
 * the end, and one that does not belong there is never made. Takes about 150 bytes for a file.
 */
export class ManifestBook {
  private readonly indexes = new Map<string, number>();
  private readonly sizes: number[] = [];
  private checksums: Buffer = Buffer.alloc(64 * 1024);
  private listedAlgorithm: ChecksumAlgorithm | undefined;

  /** Of all files; PostgreSQL computes one kind for a backup. */
  get algorithm(): ChecksumAlgorithm {
    return this.listedAlgorithm ?? 'CRC32C';
  }

  /** Throws `backup_damaged` for a second file of this path, and for a second algorithm. */
  list({ path, sizeBytes, algorithm, checksum }: ManifestFile): void {
    this.listedAlgorithm ??= algorithm;
    if (algorithm !== this.listedAlgorithm) throw backupDamaged('has a manifest with two checksum algorithms');
    if (this.indexes.has(path)) throw backupDamaged(`has a manifest with the file ${shownName(path)} twice`);
    const index = this.sizes.length;
    const at = index * checksumLength(algorithm);
    if (at + checksum.length > this.checksums.length) {
      this.checksums = Buffer.concat([this.checksums, Buffer.alloc(this.checksums.length)]);
    }
    checksum.copy(this.checksums, at);
    this.indexes.set(path, index);
    this.sizes.push(sizeBytes);
  }

  /** A file begins to come; its number for `settle`. Throws `backup_damaged` for one that is not expected, or with another size. */
  strikeOff(path: string, sizeBytes: number): number {
    const index = this.indexes.get(path);
    if (index === undefined) {
      throw backupDamaged(`has the file ${shownName(path)}, which its manifest does not have, or has it twice`);
    }
    if (this.sizes[index] !== sizeBytes) {
      throw backupDamaged(
        `has the file ${shownName(path)} with ${sizeBytes} bytes, where the manifest says ${this.sizes[index]}`,
      );
    }
    this.indexes.delete(path);
    return index;
  }

  /** All of a file came. Throws `backup_damaged` unless it has the manifest's checksum. */
  settle(index: number, path: string, checksum: Buffer): void {
    const length = checksumLength(this.algorithm);
    if (this.checksums.subarray(index * length, (index + 1) * length).equals(checksum)) return;
    throw backupDamaged(`has the file ${shownName(path)} with other content than the manifest says`);
  }

  /** Throws `backup_damaged` while files have not come. */
  checkAllCame(): void {
    const [missing] = this.indexes.keys();
    if (missing === undefined) return;
    throw backupDamaged(`lacks ${this.indexes.size} files of its manifest, such as ${shownName(missing)}`);
  }
}
