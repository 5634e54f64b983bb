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

  /** SHA-256 of the raw content; reads the file once if it was not read yet. */
  async rawDigest(): Promise<string> {
    if (this.known === undefined) {
      for await (const piece of this.pieces()) if (piece.length === 0) break;
    }
    return this.summary().rawDigest;
  }

  /** Resolves when the source is no longer read. */
  async settled(): Promise<void> {
    await this.kept?.catch(() => undefined);
  }

  private async collect(): Promise<Buffer[]> {
    const pieces: Buffer[] = [];
    for await (const piece of this.encode()) pieces.push(piece);
    return pieces;
  }

  private async *encode(): AsyncGenerator<Buffer> {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const encoding = isCompressed(this.source) ? this.compressed() : this.plain();
    for (;;) {
      const step = await encoding.next();
      if (step.done) {
        await this.source.checkUnchanged();
        this.known = { sizeBytes, sha256: hash.digest('hex'), rawDigest: step.value };
        return;
      }
      hash.update(step.value);
      sizeBytes += step.value.length;
      yield step.value;
    }
  }

  private async *compressed(): AsyncGenerator<Buffer, string> {
    const encoder = new SegmentEncoder();
    for (let position = 0; position < this.source.sizeBytes; position += PIECE_SIZE) {
      yield await this.buffers.use(async (buffer) => {
        return await encoder.encode(await this.source.readPiece(position, buffer));
      });
    }
    yield encoder.finish();
    return encoder.rawDigest;
  }

  private async *plain(): AsyncGenerator<Buffer, string> {
    const content = await this.source.readPiece(0, Buffer.alloc(this.source.sizeBytes));
    yield content;
    return createHash('sha256').update(content).digest('hex');
  }
}

function isCompressed(source: SourceFile): boolean {
  return source.file.kind === 'segment' || source.file.kind === 'partial';
}
