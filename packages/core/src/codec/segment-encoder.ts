import { createHash, type Hash } from 'node:crypto';
import { formatLabelFrame } from './content-label.ts';
import { compressPiece } from './zstd-compress.ts';

/**
 * Makes the stored form of a segment: one zstd frame per piece, then a label with the raw size and digest, which every
 * zstd program skips. The frames in the order of the calls and then the label, put together, are the stored file.
 */
export class SegmentEncoder {
  private readonly hash: Hash = createHash('sha256');
  private sizeBytes = 0;
  private digest: string | undefined;

  /** How much raw content has been given to `encode`. */
  get rawSizeBytes(): number {
    return this.sizeBytes;
  }

  /** The SHA-256 of the raw content in lower-case hexadecimal; known after `finish`. */
  get rawDigest(): string {
    if (this.digest === undefined) throw new Error('the digest is known after finish()');
    return this.digest;
  }

  /**
   * Compresses the next piece, 1 byte to PIECE_SIZE. Calls must be in order but may overlap: a piece counts when the
   * call is made. The piece must not change until the promise is settled.
   */
  async encode(piece: Buffer): Promise<Buffer> {
    if (this.digest !== undefined) throw new Error('nothing can be encoded after finish()');
    const frame = compressPiece(piece);
    // Here and not after the await: the compressor works on its own thread meanwhile, and overlapping calls keep order.
    this.hash.update(piece);
    this.sizeBytes += piece.length;
    return await frame;
  }

  /** The label, which ends the stored file; nothing can be encoded after it. */
  finish(): Buffer {
    if (this.sizeBytes === 0) throw new Error('no archive file is empty');
    this.digest ??= this.hash.digest('hex');
    return formatLabelFrame({ rawSizeBytes: this.sizeBytes, rawDigest: this.digest });
  }
}
