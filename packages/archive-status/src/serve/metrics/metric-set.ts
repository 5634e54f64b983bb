import { Counter, Gauge, Registry } from 'prom-client';
import type { Known } from '../../model/known.ts';
import { type PushSeconds, ReplayedHistogram } from './replayed-histogram.ts';

export type Labels = Readonly<Record<string, string>>;

/** A number, or nothing: null and undefined are no sample, and so is what is not known. */
type Sample = number | null | undefined | Known<number | null | undefined>;

/** Sets one sample of a metric; no call, or one without a number, leaves the sample out. */
export type SetSample = (labels: Labels, sample: Sample) => void;

/** Metrics that are made anew for each answer, so that nothing of an earlier one is left in them. */
export class MetricSet {
  readonly #registry = new Registry();

  gauge(name: string, help: string, labelNames: readonly string[]): SetSample {
    const gauge = new Gauge({ name, help, labelNames, registers: [this.#registry] });
    // prom-client begins a metric without labels as 0, which is a statement.
    if (labelNames.length === 0) gauge.remove();
    return (labels, sample) => {
      const value = numberOf(sample);
      if (value !== undefined) gauge.set(labels, value);
    };
  }

  counter(name: string, help: string, labelNames: readonly string[]): SetSample {
    const counter = new Counter({ name, help, labelNames, registers: [this.#registry] });
    return (labels, sample) => {
      const value = numberOf(sample);
      if (value !== undefined) counter.inc(labels, value);
    };
  }

  histogram(name: string, help: string, labelNames: readonly string[]): (labels: Labels, seconds: PushSeconds) => void {
    const histogram = new ReplayedHistogram({ name, help, labelNames, registers: [this.#registry] });
    return (labels, seconds) => histogram.replay(labels, seconds);
  }

  /** In Prometheus' text format. */
  async text(): Promise<string> {
    return await this.#registry.metrics();
  }

  static readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
}

function numberOf(sample: Sample): number | undefined {
  const value = typeof sample === 'object' && sample !== null ? (sample.known ? sample.value : undefined) : sample;
  return value === null || value === undefined || !Number.isFinite(value) ? undefined : value;
}
