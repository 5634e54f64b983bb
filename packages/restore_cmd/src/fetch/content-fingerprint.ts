const blockBytes = 2 ** 20;

/**
 * Tells whether a file of the agent's own is still what the agent wrote: XXH3 of its blocks, each seeded with the one before. It is
 * computed and compared in one process, and is against change, not against forgery. SHA-256 would take twenty times as long.
 */
export class ContentFingerprint {
  private hash = 0n;
  /** The beginning of a block whose rest has not come yet. */
  private rest = Buffer.alloc(0);

  /** Content may come in pieces of any size; they are not kept. */
  update(piece: Buffer): void {
    let offset = 0;
    if (this.rest.length > 0) {
      offset = Math.min(piece.length, blockBytes - this.rest.length);
      this.rest = Buffer.concat([this.rest, piece.subarray(0, offset)]);
      if (this.rest.length < blockBytes) return;
      this.take(this.rest);
    }
    for (; piece.length - offset >= blockBytes; offset += blockBytes) {
      this.take(piece.subarray(offset, offset + blockBytes));
    }
    this.rest = Buffer.from(piece.subarray(offset));
  }

  /** Of all that came so far. */
  value(): bigint {
    return Bun.hash.xxHash3(this.rest, this.hash);
  }

  private take(block: Buffer): void {
    this.hash = Bun.hash.xxHash3(block, this.hash);
  }
}
