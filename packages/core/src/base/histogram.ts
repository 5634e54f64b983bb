/** How long something took, counted by upper bounds, as Prometheus has it. Plain data: it is written to files and read back. */
export interface Histogram {
  /** How many took at most `bounds[i]` and more than `bounds[i - 1]`; the last one counts those above all bounds. */
  readonly counts: readonly number[];
  /** Of everything counted, in the unit of the bounds. */
  readonly sum: number;
}

/** Counts without making anything new: on the way of each segment. */
export class HistogramCounter {
  private readonly bounds: readonly number[];
  private readonly counts: number[];
  private sum: number;

  /** Goes on from `before`, if that has as many counts as these bounds ask for. */
  constructor(bounds: readonly number[], before?: Histogram) {
    this.bounds = bounds;
    const fits = before?.counts.length === bounds.length + 1;
    this.counts = fits ? [...before.counts] : Array.from({ length: bounds.length + 1 }, () => 0);
    this.sum = fits ? before.sum : 0;
  }

  observe(value: number): void {
    let at = 0;
    while (at < this.bounds.length && value > (this.bounds[at] ?? 0)) at += 1;
    this.counts[at] = (this.counts[at] ?? 0) + 1;
    this.sum += value;
  }

  get value(): Histogram {
    return { counts: [...this.counts], sum: this.sum };
  }
}
