/**
 * Counts that work goes on. A session's server tells its client about it, so that a long job is told from a hung disk.
 */
export class Activity {
  private steps = 0;

  note(): void {
    this.steps += 1;
  }

  get count(): number {
    return this.steps;
  }
}
