/** Less than this is not worth waking the receivers up for: a segment sent in small parts cost both archive hosts a tenth more CPU. */
const burstBytes = 2 ** 20;

/**
 * Takes the parts of something as fast as they are made, and keeps them, so that they can be read more than once: also by somebody who
 * begins before the last one is made.
 */
export class KeptParts {
  private readonly parts: Buffer[] = [];
  private readonly making: Promise<void>;
  private madeBytes = 0;
  private grow: () => void = () => undefined;
  private grown: Promise<void> = this.nextGrowth();
  private isWhole = false;

  constructor(source: AsyncIterable<Buffer>) {
    this.making = this.take(source);
    // Whoever reads hears of the failure.
    this.making.catch(() => undefined);
  }

  /** All of them from the first on; those that are not made yet 1 MiB at a time, or at the end. Throws what making them threw. */
  async *bursts(): AsyncGenerator<readonly Buffer[]> {
    let [count, readBytes] = [0, 0];
    for (;;) {
      while (!this.isWhole && this.madeBytes - readBytes < burstBytes) await Promise.race([this.grown, this.making]);
      if (count === this.parts.length) return;
      const burst = this.parts.slice(count);
      [count, readBytes] = [this.parts.length, this.madeBytes];
      yield burst;
    }
  }

  /** Resolves when no more is made, for whatever reason. */
  async settled(): Promise<void> {
    await this.making.catch(() => undefined);
  }

  private async take(source: AsyncIterable<Buffer>): Promise<void> {
    for await (const part of source) {
      this.parts.push(part);
      this.madeBytes += part.length;
      this.grow();
      this.grown = this.nextGrowth();
    }
    this.isWhole = true;
  }

  private nextGrowth(): Promise<void> {
    return new Promise((resolve) => {
      this.grow = resolve;
    });
  }
}
