import { damaged } from './damage.ts';
import { type DataFrameHeader, parseFrameHeader, readBlock } from './zstd-frame.ts';

const blockHeaderBytes = 3;
const checksumBytes = 4;

/**
 * Follows the structure of one zstd frame as its bytes come by, in pieces of any size, and knows whether its end was seen: the
 * decompressor of Bun's node:zlib (1.4.5) takes a frame that was cut for a whole one. Nothing is decompressed and nothing kept.
 */
export class ZstdFrameEnd {
  private header: DataFrameHeader | undefined;
  /** The beginning of a header that came in two pieces. */
  private rest: Buffer = Buffer.alloc(0);
  /** Bytes of the block, or of the checksum, that are still to come. */
  private toSkip = 0;
  private wasLast = false;

  /** True when the frame's last byte was seen. */
  get isComplete(): boolean {
    return this.wasLast && this.toSkip === 0;
  }

  /** Throws `damaged` for what is no frame, and for bytes after its end. */
  take(piece: Buffer): void {
    if (this.follow(piece) < piece.length) throw damaged('goes on after its zstd frame');
  }

  /** How many of these bytes are the frame's: all of them, until its end is among them. Throws `damaged` for what is no frame. */
  follow(piece: Buffer): number {
    let bytes = this.rest.length === 0 ? piece : Buffer.concat([this.rest, piece]);
    this.rest = Buffer.alloc(0);
    while (bytes.length > 0 && !this.isComplete) {
      const used = this.toSkip > 0 ? this.skip(bytes) : this.readHeader(bytes);
      if (used === 0) {
        this.rest = Buffer.from(bytes);
        return piece.length;
      }
      bytes = bytes.subarray(used);
    }
    return piece.length - bytes.length;
  }

  private skip(bytes: Buffer): number {
    const skipped = Math.min(this.toSkip, bytes.length);
    this.toSkip -= skipped;
    return skipped;
  }

  /** The length of the header that `bytes` begins with; 0 when not all of it is there. */
  private readHeader(bytes: Buffer): number {
    if (this.header === undefined) {
      const header = parseFrameHeader(bytes);
      if (header === undefined) return 0;
      if (header.kind === 'skippable') throw damaged('begins with a skippable zstd frame');
      this.header = header;
      return header.headerBytes;
    }
    const block = readBlock(bytes, 0, this.header);
    if (block === undefined) return 0;
    this.wasLast = block.isLast;
    this.toSkip = block.end - blockHeaderBytes + (block.isLast && this.header.hasChecksum ? checksumBytes : 0);
    return blockHeaderBytes;
  }
}
