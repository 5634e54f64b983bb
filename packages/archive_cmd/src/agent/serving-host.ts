/** Which host WAL goes to, and when that changes. Pure but for what it remembers. */
export class ServingHost {
  private current: string;
  private switchedMs = Number.NEGATIVE_INFINITY;

  /** The one that is asked first while all are well. */
  constructor(preferred: string) {
    this.current = preferred;
  }

  /**
   * A host was the first to confirm a file. Returns the one before it when that is another one. A file that was on its way already when
   * the host changed says nothing: several are, and each would change it back.
   */
  confirmed(host: string, begunMs: number, nowMs: number): string | undefined {
    if (host === this.current || begunMs < this.switchedMs) return undefined;
    const before = this.current;
    this.current = host;
    this.switchedMs = nowMs;
    return before;
  }
}
