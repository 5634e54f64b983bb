import { appendFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { followFile } from '../../../packages/core/src/files/follow-file.ts';
import { ManualClock } from '../session/manual-clock.ts';
import { temporaryDirectory } from './temporary-directory.ts';

const never = new AbortController().signal;
const longMs = 1_000;

test('a file is read as it grows, and its end is noticed at once', async () => {
  const path = join(temporaryDirectory(), 'growing');
  writeFileSync(path, 'one');
  await using handle = await open(path, 'r');
  const writer = new AbortController();
  const clock = new ManualClock();
  let seen = '';
  const reading = (async () => {
    for await (const piece of followFile(handle, { finished: writer.signal, signal: never, clock })) seen += piece;
  })();
  await vi.waitFor(() => expect([seen, clock.sleeperCount]).toEqual(['one', 1]));
  appendFileSync(path, ' two');
  clock.advance(longMs);
  await vi.waitFor(() => expect([seen, clock.sleeperCount]).toEqual(['one two', 1]));
  appendFileSync(path, ' three');
  // The clock stands still.
  writer.abort();
  await reading;
  expect(seen).toBe('one two three');
});

test('following ends with the reason of its signal', async () => {
  const path = join(temporaryDirectory(), 'silent');
  writeFileSync(path, '');
  await using handle = await open(path, 'r');
  const stop = new AbortController();
  const clock = new ManualClock();
  const reading = followFile(handle, { finished: never, signal: stop.signal, clock }).next();
  await vi.waitFor(() => expect(clock.sleeperCount).toBe(1));
  stop.abort(new Error('enough'));
  await expect(reading).rejects.toThrow('enough');
});
