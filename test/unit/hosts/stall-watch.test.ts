import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../../packages/core/src/base/clock.ts';
import { type PendingBytes, pendingBytesOf, watchForStall } from '../../../packages/core/src/hosts/stall-watch.ts';
import { sendQueueOf } from '../../../packages/core/src/hosts/tcp-door.ts';
import { startTcpServer } from './ssh-server.ts';

/** Runs a watch of 3 s over what `received` and `pending` say at each time, and gives the time of the stall, if any within a minute. */
async function stallAt(
  received: (ms: number) => number,
  pending: (ms: number) => Partial<PendingBytes> | undefined = () => undefined,
  delay: (ms: number) => number = () => 0,
): Promise<number | undefined> {
  let now = 0;
  const controller = new AbortController();
  const clock: Clock = {
    nowMs: () => now,
    monotonicMs: () => now,
    async sleep(delayMs) {
      now += delayMs + delay(now);
      if (now > 60_000) controller.abort();
    },
  };
  const progress = {
    receivedBytes: () => received(now),
    pendingBytes: () => {
      const said = pending(now);
      return said && { inKernel: 0, handedOver: 0, isAwaited: false, ...said };
    },
  };
  return (await watchForStall(progress, 3000, clock, controller.signal)) ? now : undefined;
}

describe('a connection', () => {
  test('that receives nothing and has nothing to send stalls after the timeout', async () => {
    expect(await stallAt(() => 0)).toBe(3000);
  });

  test('that receives a little now and then does not stall', async () => {
    expect(await stallAt((ms) => Math.floor(ms / 2500))).toBeUndefined();
  });

  test('that receives one byte per 10 s stalls', async () => {
    expect(await stallAt((ms) => Math.floor(ms / 10_000))).toBe(3000);
  });

  test('on a 64 kbit/s link whose backlog drains does not stall, although no keepalive is answered', async () => {
    const drained = (ms: number) => ({ handedOver: 2_000_000, inKernel: 2_000_000 - ms * 8 });
    expect(await stallAt(() => 0, drained)).toBeUndefined();
    const refilled = (ms: number) => ({ handedOver: 1_000_000 + ms * 8, inKernel: 1_000_000 });
    expect(await stallAt(() => 0, refilled)).toBeUndefined();
  });

  test('whose backlog stands still stalls, also while keepalives are added to it', async () => {
    expect(
      await stallAt(
        () => 0,
        (ms) => ({ handedOver: 100_000 + ms, inKernel: 100_000 + ms }),
      ),
    ).toBe(3000);
  });

  test('on which a lost packet holds up a backlog stalls only once the kernel has given up waiting too', async () => {
    expect(
      await stallAt(
        () => 0,
        (ms) => ({ inKernel: 50_000, isAwaited: ms < 4400 }),
      ),
    ).toBe(7000);
  });

  test('whose keepalives only a kernel acknowledges stalls', async () => {
    expect(
      await stallAt(
        () => 0,
        (ms) => ({ handedOver: ms, inKernel: 52 }),
      ),
    ).toBe(3000);
  });

  test('of a process that did not run for a while gets its time again', async () => {
    expect(
      await stallAt(
        () => 0,
        undefined,
        (ms) => (ms === 2500 ? 10_000 : 0),
      ),
    ).toBe(16_000);
  });
});

describe('the kernel', () => {
  test('tells what of a socket is not acknowledged, and that it waits for room on the other side, not for its word', async () => {
    const server = await startTcpServer((socket) => socket.pause());
    const socket = connect(server.port, '127.0.0.1');
    await once(socket, 'connect');
    expect(pendingBytesOf(socket)).toEqual({ inKernel: 0, handedOver: 0, isAwaited: false });
    for (let i = 0; i < 512; i++) socket.write(Buffer.alloc(32 * 1024));
    const isFull = ({ inKernel, isAwaited }: PendingBytes) => inKernel > 100_000 && !isAwaited;
    await expect.poll(() => pendingBytesOf(socket)).toSatisfy(isFull);
    socket.destroy();
    expect(pendingBytesOf(socket)).toBeUndefined();
    await server.stop();
  });

  test('tells nothing of what is not a TCP socket', () => {
    expect(sendQueueOf(0x7fff_ffff)).toBeUndefined();
    const file = openSync('/dev/null', 'r');
    expect(sendQueueOf(file)).toBeUndefined();
    closeSync(file);
  });
});
