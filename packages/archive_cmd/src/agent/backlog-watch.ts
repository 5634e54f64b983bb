const manyFiles = 32;
const fewFiles = 4;
/** A burst of WAL is no backlog. */
const lastingMs = 60_000;

/** When WAL is written faster than it is archived, for longer than a burst. Pure but for what it remembers. */
export class BacklogWatch {
  private manySinceMs: number | undefined;
  private isBehind = false;
  private most = 0;

  /** So many files are ready, at a time of the monotonic clock. Says what that changes. */
  saw(ready: number, nowMs: number): { began: true } | { ended: true; most: number; forMs: number } | undefined {
    this.most = Math.max(this.most, ready);
    if (this.manySinceMs === undefined) {
      if (ready < manyFiles) return undefined;
      this.manySinceMs = nowMs;
      this.most = ready;
    }
    const forMs = nowMs - this.manySinceMs;
    if (this.isBehind ? ready <= fewFiles : ready < manyFiles) {
      const { isBehind, most } = this;
      this.manySinceMs = undefined;
      this.isBehind = false;
      return isBehind ? { ended: true, most, forMs } : undefined;
    }
    if (this.isBehind || forMs < lastingMs) return undefined;
    this.isBehind = true;
    return { began: true };
  }
}
