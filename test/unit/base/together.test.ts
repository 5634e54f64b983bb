import { expect, test } from 'vitest';
import { together } from '../../../packages/core/src/base/together.ts';

const never = new AbortController().signal;

/** Ends when its signal is aborted, and a little later than it could. */
async function untilAborted(signal: AbortSignal, onEnd: () => void): Promise<never> {
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  await new Promise((resolve) => setImmediate(resolve));
  onEnd();
  throw new Error('aborted');
}

test('works run at the same time and give their results in order', async () => {
  const order: string[] = [];
  const work = (name: string) => async () => {
    order.push(`${name} begins`);
    await Promise.resolve();
    order.push(`${name} ends`);
    return name;
  };
  expect(await together(never, [work('a'), work('b')])).toEqual(['a', 'b']);
  expect(order).toEqual(['a begins', 'b begins', 'a ends', 'b ends']);
});

test('the first failure is thrown, after the other works were told and have ended', async () => {
  let hasEnded = false;
  const failing = async () => {
    throw new Error('the first');
  };
  const waiting = (signal: AbortSignal) =>
    untilAborted(signal, () => {
      hasEnded = true;
    });
  await expect(together(never, [waiting, failing])).rejects.toThrow('the first');
  expect(hasEnded).toBe(true);
});

test("an abort from outside reaches each work with the caller's reason", async () => {
  const outside = new AbortController();
  const reasons: unknown[] = [];
  const work = (signal: AbortSignal) => untilAborted(signal, () => reasons.push(signal.reason));
  const both = together(outside.signal, [work, work]);
  outside.abort('enough');
  await expect(both).rejects.toThrow('aborted');
  expect(reasons).toEqual(['enough', 'enough']);
});
