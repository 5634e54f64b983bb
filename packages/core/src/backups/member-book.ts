import { backupDamaged, shownName } from './backup-damage.ts';
import { type ChecksumAlgorithm, checksumLength } from './member-digest.ts';

/** What a manifest says of one file. */
export interface ManifestFile {
  /** As in the data directory; bytes as latin1 characters. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly algorithm: ChecksumAlgorithm;
  readonly checksum: Buffer;
}

/**
 * The files that came in a backup's tars, each with its size and checksum, to be compared with a manifest that comes after them.
 * Takes about 150 bytes for a file.
 */
export class MemberBook {
  readonly algorithm: ChecksumAlgorithm;
  private readonly indexes = new Map<string, number>();
  private readonly sizes: number[] = [];
  private checksums: Buffer = Buffer.alloc(64 * 1024);
  private totalBytes = 0;

  constructor(algorithm: ChecksumAlgorithm) {
    this.algorithm = algorithm;
  }

  get fileCount(): number {
    return this.sizes.length;
  }

  /** Of all files' content. */
  get contentBytes(): number {
    return this.totalBytes;
  }

  /** Throws `backup_damaged` for a path that came before. */
  add(path: string, sizeBytes: number, checksum: Buffer): void {
    if (this.indexes.has(path)) throw backupDamaged(`has the file ${shownName(path)} twice`);
    const index = this.sizes.length;
    const at = index * checksumLength(this.algorithm);
    if (at + checksum.length > this.checksums.length) {
      this.checksums = Buffer.concat([this.checksums, Buffer.alloc(this.checksums.length)]);
    }
    checksum.copy(this.checksums, at);
    this.indexes.set(path, index);
    this.sizes.push(sizeBytes);
    this.totalBytes += sizeBytes;
  }

  /** Strikes a file off. Throws `backup_damaged` unless it came, once, with the size and checksum of the manifest. */
  settle({ path, sizeBytes, algorithm, checksum }: ManifestFile): void {
    const index = this.indexes.get(path);
    if (index === undefined) throw backupDamaged(`lacks the file ${shownName(path)}, or the manifest has it twice`);
    if (algorithm !== this.algorithm)
      throw backupDamaged(`has a manifest with ${algorithm}, where ${this.algorithm} was asked for`);
    if (this.sizes[index] !== sizeBytes) {
      throw backupDamaged(
        `has the file ${shownName(path)} with ${this.sizes[index]} bytes, where the manifest says ${sizeBytes}`,
      );
    }
    const length = checksumLength(this.algorithm);
    if (!this.checksums.subarray(index * length, (index + 1) * length).equals(checksum)) {
      throw backupDamaged(`has the file ${shownName(path)} with other content than the manifest says`);
    }
    this.indexes.delete(path);
  }

  /** Throws `backup_damaged` when files came that no `settle` has named. */
  checkAllSettled(): void {
    const [left] = this.indexes.keys();
    if (left === undefined) return;
    throw backupDamaged(`has ${this.indexes.size} files that the manifest does not have, such as ${shownName(left)}`);
  }
}
