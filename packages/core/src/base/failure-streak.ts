/** Failures without a success in between: which of them is news, and how long they lasted. */
export class FailureStreak {
  private readonly codes = new Set<string>();
  private sinceMs = 0;
  private count = 0;

  /** True for the first failure, and for the first one with each other code. */
  failed(code: string, nowMs: number): boolean {
    if (this.count === 0) this.sinceMs = nowMs;
    this.count += 1;
    const isNews = !this.codes.has(code);
    this.codes.add(code);
    return isNews;
  }

  /** What has ended; undefined when there was no failure. */
  succeeded(nowMs: number): { failures: number; forMs: number } | undefined {
    if (this.count === 0) return undefined;
    const ended = { failures: this.count, forMs: Math.max(0, nowMs - this.sinceMs) };
    this.count = 0;
    this.codes.clear();
    return ended;
  }
}
