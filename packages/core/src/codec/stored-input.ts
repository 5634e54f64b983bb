const smallestCapacity = 2 ** 16;

/**
 * Buffers of files that were read to their end, for the next ones: growing a new one to the size of a frame costs more than
 * decompressing it (10 ms of CPU for 5 MB, in page faults; checked on Bun 1.4.5).
 */
const spareBuffers: Buffer[] = [];
const mostSpareBuffers = 2;
const [smallestSpareBytes, largestSpareBytes] = [2 ** 20, 20 * 2 ** 20];

/**
 * Reads a stored file's chunks by exact amounts: it holds the bytes that were asked for, and the chunk that the next
 * ones are in. Chunks may have any size and are copied, so their buffers may be reused once the next one is asked for.
 */
export class StoredInput {
  private readonly chunks: AsyncIterator<Buffer>;
  private held: Buffer = Buffer.alloc(0);
  private heldBytes = 0;
  private chunk: Buffer = Buffer.alloc(0);
  private isOver = false;

  constructor(chunks: AsyncIterable<Buffer>) {
    this.chunks = chunks[Symbol.asyncIterator]();
  }

  /** What is held; valid until the next call of `fill` or `discard`. */
  get bytes(): Buffer {
    return this.held.subarray(0, this.heldBytes);
  }

  /** Reads on until `count` bytes are held; false when the file ends before. The caller bounds `count`. */
  async fill(count: number): Promise<boolean> {
    while (this.heldBytes < count) {
      if (this.chunk.length === 0 && !(await this.nextChunk())) return false;
      const part = this.chunk.subarray(0, count - this.heldBytes);
      this.reserve(this.heldBytes + part.length);
      part.copy(this.held, this.heldBytes);
      this.heldBytes += part.length;
      this.chunk = this.chunk.subarray(part.length);
    }
    return true;
  }

  /** Lets go of what is held. */
  discard(): void {
    this.heldBytes = 0;
  }

  /** The next bytes, held ones first, as many as there are without copying; undefined at the end. Valid until the next call. */
  async next(): Promise<Buffer | undefined> {
    if (this.heldBytes > 0) {
      const held = this.bytes;
      this.discard();
      return held;
    }
    if (this.chunk.length === 0 && !(await this.nextChunk())) return undefined;
    const { chunk } = this;
    this.chunk = Buffer.alloc(0);
    return chunk;
  }

  /** Takes back the end of what `next` gave, for the next call of whichever method. */
  putBack(bytes: Buffer): void {
    if (bytes.length > 0) this.chunk = this.chunk.length === 0 ? bytes : Buffer.concat([bytes, this.chunk]);
  }

  /** True when nothing is held and nothing follows. */
  async isAtEnd(): Promise<boolean> {
    return !(await this.fill(1));
  }

  /** Everything from here on, held bytes first, in chunks as they come. */
  async *rest(): AsyncGenerator<Buffer> {
    const first = Buffer.concat([this.bytes, this.chunk]);
    this.discard();
    if (first.length > 0) yield first;
    while (await this.nextChunk()) yield this.chunk;
  }

  /** Ends the source, also when it has not been read to its end. */
  async close(): Promise<void> {
    if (!this.isOver) await this.chunks.return?.();
    this.isOver = true;
    this.giveBack();
  }

  private async nextChunk(): Promise<boolean> {
    while (!this.isOver) {
      const step = await this.chunks.next();
      if (step.done) {
        this.isOver = true;
      } else if (step.value.length > 0) {
        this.chunk = step.value;
        return true;
      }
    }
    this.chunk = Buffer.alloc(0);
    return false;
  }

  private reserve(count: number): void {
    if (count <= this.held.length) return;
    const wanted = Math.max(count, this.held.length * 2, smallestCapacity);
    // Small files need no large buffer, and must not keep one from a segment.
    const spare = wanted >= smallestSpareBytes ? spareBuffers.findIndex((buffer) => buffer.length >= wanted) : -1;
    const grown = spareBuffers.splice(spare, spare < 0 ? 0 : 1)[0] ?? Buffer.allocUnsafe(wanted);
    this.held.copy(grown, 0, 0, this.heldBytes);
    this.held = grown;
  }

  private giveBack(): void {
    const { length } = this.held;
    if (length >= smallestSpareBytes && length <= largestSpareBytes && spareBuffers.length < mostSpareBuffers) {
      spareBuffers.push(this.held);
    }
    this.held = Buffer.alloc(0);
    this.heldBytes = 0;
  }
}
