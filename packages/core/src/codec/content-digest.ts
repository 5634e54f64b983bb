import { createHash } from 'node:crypto';

/**
 * SHA-256 of content that comes piece by piece. Of a frame that is alone it need not be computed: its own checksum proves it, and that
 * there is no other one, its size.
 */
export class ContentDigest {
  private readonly hash = createHash('sha256');
  private readonly of: 'all' | 'several_pieces' | 'nothing';
  private first: Buffer | undefined;
  private pieces = 0;

  constructor(of: 'all' | 'several_pieces' | 'nothing') {
    this.of = of;
  }

  /** For `several_pieces` the piece must not change before the next call. */
  update(piece: Buffer): void {
    if (this.of === 'nothing') return;
    this.pieces += 1;
    if (this.pieces === 1 && this.of === 'several_pieces') {
      this.first = piece;
      return;
    }
    if (this.first !== undefined) this.hash.update(this.first);
    this.first = undefined;
    this.hash.update(piece);
  }

  /** In lower-case hexadecimal; undefined when it was not computed. To be called once. */
  value(): string | undefined {
    return this.of === 'nothing' || this.first !== undefined ? undefined : this.hash.digest('hex');
  }
}
