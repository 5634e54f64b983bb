import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { waitForWal } from '../../../packages/base-backup/src/take/wait-for-wal.ts';
import { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { createLog } from '../../../packages/core/src/base/log.ts';
import type { SegmentName } from '../../../packages/core/src/wal/archive-file.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';
import { ManualClock } from '../session/manual-clock.ts';

const [first, second] = ['000000010000000000000003', '000000010000000000000004'] as [SegmentName, SegmentName];
const segments = [first, second];

function waiting(onPeer: readonly SegmentName[] = []) {
  const cluster = new ClusterDirectory(temporaryDirectory());
  mkdirSync(cluster.walDirectory);
  const clock = new ManualClock();
  const stop = new AbortController();
  const switchWal = vi.fn(async () => undefined);
  const askPeer = vi.fn(async () => new Set(onPeer));
  const limitMs = 60_000;
  const log = createLog(() => undefined, 'info');
  const store = (name: SegmentName) => writeFileSync(cluster.walFile(name), '');
  const wait = () => waitForWal({ cluster, segments, askPeer, switchWal, limitMs, clock, log, signal: stop.signal });
  /** Lets a time pass in small steps, as a timer would see it. */
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += 10) {
      clock.advance(10);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { cluster, clock, stop, switchWal, askPeer, store, wait, pass };
}

test('WAL that is there is not waited for, and no server is asked', async () => {
  const { store, wait, switchWal, clock } = waiting();
  store(first);
  store(second);
  await wait();
  expect(switchWal).not.toHaveBeenCalled();
  expect(clock.sleeperCount).toBe(0);
});

test('the server is asked to end its segment at once, and what comes soon is seen soon', async () => {
  const { store, wait, switchWal, askPeer, clock } = waiting();
  store(first);
  let isOver = false;
  const over = wait().then(() => {
    isOver = true;
  });
  await vi.waitFor(() => expect(clock.sleeperCount).toBe(1));
  expect(switchWal).toHaveBeenCalledTimes(1);
  store(second);
  clock.advance(15);
  await vi.waitFor(() => expect(isOver).toBe(true));
  await over;
  expect(askPeer).not.toHaveBeenCalled();
});

test("the peer's copies count", async () => {
  const { store, wait, pass, askPeer } = waiting([second]);
  store(first);
  const over = wait();
  await pass(2_500);
  await over;
  expect(askPeer).toHaveBeenCalledTimes(1);
});

test('what does not come by the limit is named, and a signal ends the waiting', async () => {
  const late = waiting();
  const over = expect(late.wait()).rejects.toMatchObject({
    code: 'wal_missing',
    message: expect.stringMatching(/03 and 1 more/),
  });
  await late.pass(61_000);
  await over;
  rmSync(late.cluster.walDirectory, { recursive: true });

  const stopped = waiting();
  const ended = expect(stopped.wait()).rejects.toThrow('enough');
  await vi.waitFor(() => expect(stopped.clock.sleeperCount).toBe(1));
  stopped.stop.abort(new Error('enough'));
  await ended;
});
