/** Two halves: one is compressed while the other one is filled. */
const bufferBytes = 4 * 1024 * 1024;

/**
 * A few reused buffers that files are read with: what bounds the raw WAL in memory, and with it the files that are compressed at the
 * same time.
 */
export class ReadBuffers {
  private readonly free: Buffer[] = [];
  private readonly waiting: ((buffer: Buffer) => void)[] = [];
  private made = 0;
  private readonly count: number;

  constructor(count: number) {
    this.count = count;
  }

  /** What `work` yields with a buffer of its own, which is somebody else's when it has ended. */
  async *with<T>(work: (buffer: Buffer) => AsyncIterable<T>): AsyncGenerator<T> {
    const buffer = await this.take();
    try {
      yield* work(buffer);
    } finally {
      this.giveBack(buffer);
    }
  }

  private async take(): Promise<Buffer> {
    const free = this.free.pop();
    if (free !== undefined) return free;
    if (this.made < this.count) {
      this.made += 1;
      return Buffer.allocUnsafeSlow(bufferBytes);
    }
    return await new Promise((resolve) => this.waiting.push(resolve));
  }

  private giveBack(buffer: Buffer): void {
    const next = this.waiting.shift();
    if (next === undefined) this.free.push(buffer);
    else next(buffer);
  }
}
