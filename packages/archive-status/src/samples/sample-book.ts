import { randomBytes } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeStateDirectory } from '@archive2/core/agent/make-state-directory.ts';
import { systemErrorCode } from '@archive2/core/base/failure.ts';
import { type Ring, type Sample, type Series, withSample } from './series.ts';

const fileName = 'status-samples.json';
const version = 1;
/** What a site watches; more keys are not ours. */
const largestBook = 5000;

/**
 * What was measured at earlier looks, in the state directory, so that a trend can be told. Several processes may keep it: each
 * writes what it knows, the last one wins, and a lost sample is none the worse. Not durable.
 */
export class SampleBook {
  readonly #path: string | undefined;
  #series = new Map<string, Series>();
  #isChanged = false;

  /** Without a directory of its own nothing is kept beyond this process. */
  constructor(stateDirectory: string) {
    this.#path = makeStateDirectory(stateDirectory) ? join(stateDirectory, fileName) : undefined;
  }

  /** Reads what there is; what is no book is an empty one. */
  async load(): Promise<void> {
    if (this.#path === undefined) return;
    try {
      this.#series = parseBook(await readFile(this.#path, 'utf8'));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }

  /** The samples before this one, which is added if it is time for it. */
  add(key: string, sample: Sample, ring: Ring): Series {
    const before = this.#series.get(key) ?? [];
    const after = withSample(before, sample, ring);
    if (after.length !== before.length || after.at(-1) !== before.at(-1)) {
      this.#series.set(key, after);
      this.#isChanged = true;
    }
    return before;
  }

  /** Writes what was added. Throws the system error of a directory that cannot be written. */
  async save(): Promise<void> {
    if (this.#path === undefined || !this.#isChanged) return;
    this.#isChanged = false;
    const part = `${this.#path}.${randomBytes(6).toString('hex')}.part`;
    try {
      await writeFile(part, formatBook(this.#series), { mode: 0o600, flag: 'wx' });
      await rename(part, this.#path);
    } catch (error) {
      await rm(part, { force: true });
      throw error;
    }
  }
}

/** `{"version":1,"series":{"disk main arch1":[[<ms>,<value>],…]}}` */
function formatBook(series: ReadonlyMap<string, Series>): string {
  const pairs = [...series].map(([key, samples]) => [key, samples.map(({ atMs, value }) => [atMs, value])]);
  return `${JSON.stringify({ version, series: Object.fromEntries(pairs) })}\n`;
}

export function parseBook(text: string): Map<string, Series> {
  const found = new Map<string, Series>();
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    return found;
  }
  if (!isObject(content) || content['version'] !== version || !isObject(content['series'])) return found;
  for (const [key, pairs] of Object.entries(content['series']).slice(0, largestBook)) {
    if (!Array.isArray(pairs)) continue;
    const samples = pairs.flatMap((pair: unknown) => {
      const [atMs, value] = Array.isArray(pair) ? (pair as unknown[]) : [];
      return Number.isFinite(atMs) && Number.isFinite(value) ? [{ atMs: Number(atMs), value: Number(value) }] : [];
    });
    found.set(
      key,
      samples.sort((a, b) => a.atMs - b.atMs),
    );
  }
  return found;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
