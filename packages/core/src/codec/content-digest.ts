import { createHash } from 'node:crypto';

/**
 * SHA-256 of content that comes frame by frame. Where it is wanted of several frames only, one alone costs nothing: its own checksum
 * proves it, and that there is no other one, its size.
 */
export class ContentDigest {
  private readonly hash = createHash('sha256');
  private readonly alsoOfOne: boolean;
  private first: Buffer | undefined;
  private frames = 0;

  constructor({ alsoOfOne }: { alsoOfOne: boolean }) {
    this.alsoOfOne = alsoOfOne;
  }

  /** The frame must not change before the next call. */
  update(frame: Buffer): void {
    this.frames += 1;
    if (this.frames === 1 && !this.alsoOfOne) {
      this.first = frame;
      return;
    }
    if (this.first !== undefined) this.hash.update(this.first);
    this.first = undefined;
    this.hash.update(frame);
  }

  /** In lower-case hexadecimal; undefined when it was not computed. To be called once. */
  value(): string | undefined {
    return this.first === undefined ? this.hash.digest('hex') : undefined;
  }
}
