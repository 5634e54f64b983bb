/** Samples of Prometheus' text format, as a scraper reads them. */
export interface Samples {
  /** Of the first sample whose labels are among others these. */
  value(name: string, labels: Readonly<Record<string, string>>): number | undefined;
  /** Of all that have a sample, sorted; `_bucket` and the like as they are written. */
  names(): string[];
}

interface Sample {
  name: string;
  labels: ReadonlyMap<string, string>;
  value: number;
}

export function samplesIn(text: string): Samples {
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(parse);
  return {
    value: (name, labels) =>
      samples.find(
        (one) => one.name === name && Object.entries(labels).every(([key, value]) => one.labels.get(key) === value),
      )?.value,
    names: () => [...new Set(samples.map(({ name }) => name))].sort(),
  };
}

function parse(line: string): Sample {
  const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
  if (name === undefined) throw new Error(`not a sample: ${line}`);
  const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(
    ([, key = '', text = '']) => [key, text] as const,
  );
  return { name, labels: new Map(pairs), value: Number(value) };
}
