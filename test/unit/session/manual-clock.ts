import type { Clock } from '../../../packages/core/src/base/clock.ts';

interface Sleeper {
  wakesAtMs: number;
  wake: () => void;
}

/** A clock that stands still until the test moves it. */
export class ManualClock implements Clock {
  /** How often somebody looked at it: a timer that looks again has run again. */
  looks = 0;
  private passedMs = 0;
  private sleepers: Sleeper[] = [];

  nowMs(): number {
    return 1_800_000_000_000 + this.passedMs;
  }

  monotonicMs(): number {
    this.looks += 1;
    return this.passedMs;
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (delayMs <= 0 || signal?.aborted) {
        resolve();
        return;
      }
      const sleeper = { wakesAtMs: this.passedMs + delayMs, wake: resolve };
      this.sleepers.push(sleeper);
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  get sleeperCount(): number {
    return this.sleepers.length;
  }

  advance(ms: number): void {
    this.passedMs += ms;
    const due = this.sleepers.filter(({ wakesAtMs }) => wakesAtMs <= this.passedMs);
    this.sleepers = this.sleepers.filter(({ wakesAtMs }) => wakesAtMs > this.passedMs);
    for (const { wake } of due) wake();
  }
}
