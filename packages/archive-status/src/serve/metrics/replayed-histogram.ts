import { Histogram, type MetricObjectWithValues, type MetricValueWithName } from 'prom-client';
import type { PushCounters } from '../../model/agent-report.ts';

export type PushSeconds = PushCounters['seconds'];

/** A histogram that another process has counted: prom-client's own can only observe. */
export class ReplayedHistogram extends Histogram {
  readonly #about: { name: string; help: string };
  readonly #values: MetricValueWithName<string>[] = [];

  constructor(configuration: ConstructorParameters<typeof Histogram>[0]) {
    super(configuration);
    this.#about = configuration;
  }

  /** Its counts, already cumulative, under these labels. */
  replay(labels: Readonly<Record<string, string>>, { count, sum, buckets }: PushSeconds): void {
    const { name } = this.#about;
    for (const { upToSeconds, count: upTo } of buckets) {
      if (upToSeconds !== null) this.#add(`${name}_bucket`, { le: String(upToSeconds), ...labels }, upTo);
    }
    this.#add(`${name}_bucket`, { le: '+Inf', ...labels }, count);
    this.#add(`${name}_sum`, labels, sum);
    this.#add(`${name}_count`, labels, count);
  }

  override get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const { name, help } = this.#about;
    return Promise.resolve({ name, help, type: 'histogram', aggregator: 'sum', values: this.#values } as never);
  }

  /** What the registry prefers to `get`, with the labels of `get` shared among the values. */
  getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.get();
  }

  #add(metricName: string, labels: Readonly<Record<string, string>>, value: number): void {
    this.#values.push({ metricName, labels: { ...labels }, value });
  }
}
