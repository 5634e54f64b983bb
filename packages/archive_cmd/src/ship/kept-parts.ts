import { giveMemoryBack } from '@archive2/core/codec/garbage.ts';

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
  private readings = 0;
  private isDropped = false;

  constructor(source: AsyncIterable<Buffer>) {
    this.making = this.take(source);
    // Whoever reads hears of the failure.
    this.making.catch(() => undefined);
  }

  /** All of them from the first on; those that are not made yet 1 MiB at a time, or at the end. Throws what making them threw. */
  bursts(): AsyncGenerator<readonly Buffer[]> {
    if (this.isDropped) throw new Error('the parts are given up');
    this.readings += 1;
    return this.read();
  }

  /** Nobody looks at the parts of one of the readings any more. */
  released(): void {
    this.readings -= 1;
    this.giveBackUnread();
  }

  /** Nobody begins to read them any more: their memory is given back once they are made and those who have begun have released them. */
  drop(): void {
    this.isDropped = true;
    this.giveBackUnread();
  }

  private giveBackUnread(): void {
    if (!this.isDropped || this.readings > 0) return;
    for (const part of this.parts.splice(0)) giveMemoryBack(part);
  }

  private async *read(): AsyncGenerator<readonly Buffer[]> {
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
