import type { Clock } from './clock.ts';

/** How much may go at once after a pause, in seconds of the rate. */
const burstSeconds = 0.25;

/**
 * Holds a flow of bytes to a rate: each `take` waits until the bytes before it have had their time. Shared by everything that must
 * stay below the rate together. A rate of 0 does not wait.
 */
export class RateLimit {
  private readonly bytesPerSecond: number;
  private readonly clock: Clock;
  /** When everything taken so far has had its time. */
  private paidUntilMs = Number.NEGATIVE_INFINITY;

  constructor(bytesPerSecond: number, clock: Clock) {
    this.bytesPerSecond = bytesPerSecond;
    this.clock = clock;
  }

  /** Resolves when `bytes` may go; at once when the signal is aborted. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    if (this.bytesPerSecond <= 0) return;
    const nowMs = this.clock.monotonicMs();
    const startMs = Math.max(this.paidUntilMs, nowMs - burstSeconds * 1000);
    this.paidUntilMs = startMs + (bytes / this.bytesPerSecond) * 1000;
    const waitMs = this.paidUntilMs - nowMs;
    if (waitMs > 0) await this.clock.sleep(waitMs, signal);
  }
}
