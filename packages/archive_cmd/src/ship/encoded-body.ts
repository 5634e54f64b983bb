import { createHash } from 'node:crypto';
import { PIECE_SIZE } from '@archive2/core/codec/piece-size.ts';
import { SegmentEncoder } from '@archive2/core/codec/segment-encoder.ts';
import type { PutBody, PutSummary } from '@archive2/core/hosts/put.ts';
import type { PieceBuffers } from './piece-buffers.ts';
import type { SourceFile } from './source-file.ts';

/** Up to this raw size the stored form is kept for a second host; larger files are read and compressed again. */
const keptRawBytes = 32 * 1024 * 1024;

/**
 * The stored form of a source file, made piece by piece: compressed for segments, as it is for small files. It can be sent more
 * than once. Throws Failure `source_changed` from `pieces` when the file changed meanwhile.
 */
export class EncodedBody implements PutBody {
  private readonly source: SourceFile;
  private readonly buffers: PieceBuffers;
  private kept: Promise<Buffer[]> | undefined;
  private known: PutSummary | undefined;
  private digest: Promise<string> | undefined;

  constructor(source: SourceFile, buffers: PieceBuffers) {
    this.source = source;
    this.buffers = buffers;
  }

  /** Begins to make the stored form if it will be kept, so that it is ready when its turn to be sent comes. */
  prepare(): void {
    if (this.source.sizeBytes > keptRawBytes || this.kept !== undefined) return;
    this.kept = this.collect();
    // Whoever sends it hears of the failure.
    this.kept.catch(() => undefined);
  }

  async *pieces(): AsyncGenerator<Buffer> {
    if (this.kept === undefined) yield* this.encode();
    else yield* await this.kept;
  }

  summary(): PutSummary {
    if (this.known === undefined) throw new Error('summary asked for before the last piece');
    return this.known;
  }

  /** SHA-256 of the raw content, hex, for a host that is asked whether it has the file; reads it once for that alone. */
  async rawDigest(): Promise<string> {
    this.digest ??= this.digestSource();
    return await this.digest;
  }

  /** Resolves when the source is no longer read. */
  async settled(): Promise<void> {
    await this.kept?.catch(() => undefined);
    await this.digest?.catch(() => undefined);
  }

  private async digestSource(): Promise<string> {
    const hash = createHash('sha256');
    for (let position = 0; position < this.source.sizeBytes; position += PIECE_SIZE) {
      await this.buffers.use(async (buffer) => hash.update(await this.source.readPiece(position, buffer)));
    }
    await this.source.checkUnchanged();
    return hash.digest('hex');
  }

  private async collect(): Promise<Buffer[]> {
    const pieces: Buffer[] = [];
    for await (const piece of this.encode()) pieces.push(piece);
    return pieces;
  }

  private async *encode(): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    for await (const piece of isCompressed(this.source) ? this.compressed() : this.plain()) {
      hash.update(piece);
      sizeBytes += piece.length;
      yield piece;
    }
    await this.source.checkUnchanged();
    this.known = { sizeBytes, sha256: hash.digest('hex') };
  }

  private async *compressed(): AsyncGenerator<Buffer> {
    const encoder = new SegmentEncoder(Math.ceil(this.source.sizeBytes / PIECE_SIZE));
    for (let position = 0; position < this.source.sizeBytes; position += PIECE_SIZE) {
      yield await this.buffers.use(async (buffer) => {
        return await encoder.encode(await this.source.readPiece(position, buffer));
      });
    }
    const label = encoder.finish();
    if (label !== undefined) yield label;
  }

  private async *plain(): AsyncGenerator<Buffer> {
    yield await this.source.readPiece(0, Buffer.alloc(this.source.sizeBytes));
  }
}

function isCompressed(source: SourceFile): boolean {
  return source.file.kind === 'segment' || source.file.kind === 'partial';
}
