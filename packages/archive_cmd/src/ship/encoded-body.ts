import { createHash } from 'node:crypto';
import { Fingerprint } from '@archive2/core/codec/fingerprint.ts';
import { PIECE_SIZE } from '@archive2/core/codec/piece-size.ts';
import { SegmentEncoder } from '@archive2/core/codec/segment-encoder.ts';
import type { PutBody, PutSummary } from '@archive2/core/hosts/put.ts';
import { KeptParts } from './kept-parts.ts';
import type { ReadBuffers } from './read-buffers.ts';
import type { SourceFile } from './source-file.ts';

/** Up to this raw size the stored form is kept for a second host; larger files are read and compressed again. */
const keptRawBytes = 32 * 1024 * 1024;

/**
 * The stored form of a source file, made piece by piece: compressed for segments, as it is for small files. It can be sent more
 * than once. Throws Failure `source_changed` from `bursts` when the file changed meanwhile.
 */
export class EncodedBody implements PutBody {
  private readonly source: SourceFile;
  private readonly buffers: ReadBuffers;
  private kept: KeptParts | undefined;
  private known: PutSummary | undefined;
  private digest: Promise<string> | undefined;

  constructor(source: SourceFile, buffers: ReadBuffers) {
    this.source = source;
    this.buffers = buffers;
  }

  /** Begins to make the stored form if it will be kept, so that it is ready, or begun, when its turn to be sent comes. */
  prepare(): void {
    if (this.source.sizeBytes > keptRawBytes || this.kept !== undefined) return;
    this.kept = new KeptParts(this.encode());
  }

  async *bursts(): AsyncGenerator<readonly Buffer[]> {
    if (this.kept !== undefined) yield* this.kept.bursts();
    else for await (const piece of this.encode()) yield [piece];
  }

  summary(): PutSummary {
    if (this.known === undefined) throw new Error('summary asked for before the last burst');
    return this.known;
  }

  released(): void {
    this.kept?.released();
  }

  /** SHA-256 of the raw content, hex, for a host that is asked whether it has the file; reads it once for that alone. */
  async rawDigest(): Promise<string> {
    this.digest ??= this.digestSource();
    return await this.digest;
  }

  /** Resolves when the source is no longer read. */
  async settled(): Promise<void> {
    await this.kept?.settled();
    await this.digest?.catch(() => undefined);
  }

  /** It is not sent any more. To be called when it has settled. */
  drop(): void {
    this.kept?.drop();
  }

  private async digestSource(): Promise<string> {
    const hash = createHash('sha256');
    const { source, buffers } = this;
    for await (const part of buffers.with((buffer) => source.read(0, source.sizeBytes, buffer))) hash.update(part);
    await source.checkUnchanged();
    return hash.digest('hex');
  }

  private async *encode(): AsyncGenerator<Buffer> {
    const fingerprint = new Fingerprint();
    let sizeBytes = 0;
    for await (const piece of isCompressed(this.source) ? this.compressed() : this.plain()) {
      fingerprint.update(piece);
      sizeBytes += piece.length;
      yield piece;
    }
    await this.source.checkUnchanged();
    this.known = { sizeBytes, fingerprint: fingerprint.text() };
  }

  private async *compressed(): AsyncGenerator<Buffer> {
    const { source, buffers } = this;
    const encoder = new SegmentEncoder(Math.ceil(source.sizeBytes / PIECE_SIZE));
    for (let position = 0; position < source.sizeBytes; position += PIECE_SIZE) {
      const sizeBytes = Math.min(PIECE_SIZE, source.sizeBytes - position);
      yield* buffers.with((buffer) => encoder.encode(sizeBytes, source.read(position, sizeBytes, buffer)));
    }
    const label = encoder.finish();
    if (label !== undefined) yield label;
  }

  private async *plain(): AsyncGenerator<Buffer> {
    const { sizeBytes } = this.source;
    // A buffer of its own, as what comes is kept; twice as large, as a file that fits in its first half comes in one part.
    yield* this.source.read(0, sizeBytes, Buffer.alloc(2 * sizeBytes));
  }
}

function isCompressed(source: SourceFile): boolean {
  return source.file.kind === 'segment' || source.file.kind === 'partial';
}
