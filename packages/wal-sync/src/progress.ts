import type { Clock } from '@archive2/core/base/clock.ts';

const intervalMs = 3000;

/** Says now and then how far a long run is, to a person who waits; says nothing where nobody looks. */
export class Progress {
  private readonly write: ((line: string) => void) | undefined;
  private readonly clock: Clock;
  private saidMs: number;

  constructor(write: ((line: string) => void) | undefined, clock: Clock) {
    this.write = write;
    this.clock = clock;
    this.saidMs = clock.monotonicMs();
  }

  /** `text` is asked for only when it is time for a line. */
  say(text: () => string): void {
    if (this.write === undefined || this.clock.monotonicMs() - this.saidMs < intervalMs) return;
    this.saidMs = this.clock.monotonicMs();
    this.write(`${text()}\n`);
  }
}
