import { describe, expect, test } from 'vitest';
import { KeptParts } from '../../../packages/archive_cmd/src/ship/kept-parts.ts';

const part = (bytes: number, value: number) => Buffer.alloc(bytes, value);
const mib = 2 ** 20;

/** Parts that are made when they are told to be. */
class Maker implements AsyncIterable<Buffer> {
  private waiting: ((step: IteratorResult<Buffer>) => void) | undefined;
  private fail: ((error: Error) => void) | undefined;

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          this.waiting = resolve;
          this.fail = reject;
        }),
    };
  }

  async make(value: Buffer): Promise<void> {
    this.waiting?.({ done: false, value });
    await turn();
  }

  async end(): Promise<void> {
    this.waiting?.({ done: true, value: undefined });
    await turn();
  }

  async break(): Promise<void> {
    this.fail?.(new Error('it changed'));
    await turn();
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What a reader has got so far. */
function reading(kept: KeptParts): { sizes: number[][]; whole: Promise<void> } {
  const sizes: number[][] = [];
  const whole = (async () => {
    for await (const burst of kept.bursts()) sizes.push(burst.map(({ length }) => length));
  })();
  whole.catch(() => undefined);
  return { sizes, whole };
}

test('they can be read while they are made, a mebibyte at a time, and again when they are', async () => {
  const maker = new Maker();
  const kept = new KeptParts(maker);
  const { sizes, whole } = reading(kept);
  await maker.make(part(mib - 1, 1));
  expect(sizes).toEqual([]);
  await maker.make(part(1, 2));
  expect(sizes).toEqual([[mib - 1, 1]]);
  await maker.make(part(7, 3));
  expect(sizes).toEqual([[mib - 1, 1]]);
  await maker.end();
  await whole;
  await kept.settled();
  expect(sizes).toEqual([[mib - 1, 1], [7]]);
  const again = reading(kept);
  await again.whole;
  expect(again.sizes).toEqual([[mib - 1, 1, 7]]);
});

test('they are made without anybody who reads them, and none is none', async () => {
  const kept = new KeptParts(
    (async function* () {
      yield part(5, 1);
    })(),
  );
  await kept.settled();
  expect(await Array.fromAsync(kept.bursts())).toEqual([[part(5, 1)]]);
  const nothing = new KeptParts((async function* () {})());
  expect(await Array.fromAsync(nothing.bursts())).toEqual([]);
});

test('what keeps them from being made is thrown to every reader, after what was given already', async () => {
  const maker = new Maker();
  const kept = new KeptParts(maker);
  const early = reading(kept);
  await maker.make(part(mib, 1));
  await maker.break();
  await expect(early.whole).rejects.toThrow('it changed');
  expect(early.sizes).toEqual([[mib]]);
  await expect(reading(kept).whole).rejects.toThrow('it changed');
  await kept.settled();
});

describe('what was given up', () => {
  const made = async () => {
    const parts = [part(mib, 1), part(mib, 2), part(100, 3)];
    const kept = new KeptParts(
      (async function* () {
        yield* parts;
      })(),
    );
    await kept.settled();
    return { kept, sizes: () => parts.map(({ length }) => length) };
  };

  test('has its memory given back, but for what may share it with others, and cannot be read', async () => {
    const { kept, sizes } = await made();
    kept.drop();
    expect(sizes()).toEqual([0, 0, 100]);
    expect(() => kept.bursts()).toThrow('given up');
  });

  test('stays until everybody who began to read it has released it', async () => {
    const { kept, sizes } = await made();
    await Array.fromAsync(kept.bursts());
    kept.bursts();
    kept.released();
    kept.drop();
    expect(sizes()).toEqual([mib, mib, 100]);
    kept.released();
    expect(sizes()).toEqual([0, 0, 100]);
  });

  test('stays while somebody may begin to read it', async () => {
    const { kept, sizes } = await made();
    await Array.fromAsync(kept.bursts());
    kept.released();
    expect(sizes()).toEqual([mib, mib, 100]);
    expect((await Array.fromAsync(kept.bursts())).flat()).toHaveLength(3);
  });
});
