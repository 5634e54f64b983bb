import { PIECE_SIZE } from '@archive2/core/codec/piece-size.ts';

/**
 * A few reused buffers of one piece each: what bounds the raw WAL in memory, and with it the pieces that are compressed at the
 * same time.
 */
export class PieceBuffers {
  private readonly free: Buffer[] = [];
  private readonly waiting: ((buffer: Buffer) => void)[] = [];
  private made = 0;
  private readonly count: number;

  constructor(count: number) {
    this.count = count;
  }

  /** Runs `work` with a buffer of its own; the buffer's content is gone when it has ended. */
  async use<T>(work: (buffer: Buffer) => Promise<T>): Promise<T> {
    const buffer = await this.take();
    try {
      return await work(buffer);
    } finally {
      this.giveBack(buffer);
    }
  }

  private async take(): Promise<Buffer> {
    const free = this.free.pop();
    if (free !== undefined) return free;
    if (this.made < this.count) {
      this.made += 1;
      return Buffer.allocUnsafeSlow(PIECE_SIZE);
    }
    return await new Promise((resolve) => this.waiting.push(resolve));
  }

  private giveBack(buffer: Buffer): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(buffer);
    else next(buffer);
  }
}
