import { maxBodyBytes } from './frame.ts';

/** More than a reader who gives back has under way; the rest is left to the collector. */
const mostFree = 8;

/**
 * Buffers for the bodies of frames, which whoever has done with one may give back. A new one for each costs a receiver of large files
 * a sixth of its CPU, and memory until they are collected. A body that is not given back stays its reader's.
 */
export class BodyBuffers {
  private readonly free: Buffer[] = [];
  private readonly own = new WeakSet<ArrayBufferLike>();
  private readonly isShared: boolean;

  /** `isShared`: in memory that other threads can look at, too. */
  constructor({ isShared = false }: { isShared?: boolean | undefined } = {}) {
    this.isShared = isShared;
  }

  /** At least this large. */
  take(sizeBytes: number): Buffer {
    // Small ones are rare where there are many, and would hold a large one.
    if (sizeBytes <= maxBodyBytes / 2) return Buffer.allocUnsafe(sizeBytes);
    const known = this.free.pop();
    if (known !== undefined) return known;
    const made = this.isShared
      ? Buffer.from(new SharedArrayBuffer(maxBodyBytes))
      : Buffer.allocUnsafeSlow(maxBodyBytes);
    this.own.add(made.buffer);
    return made;
  }

  /** Nobody may look at this body any more. One that is not from here is left alone. */
  give({ buffer }: Buffer): void {
    if (this.free.length < mostFree && this.own.has(buffer)) this.free.push(Buffer.from(buffer));
  }
}
