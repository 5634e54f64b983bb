import { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { FrameWriter } from '../../../packages/core/src/hosts/frame-writer.ts';
import { maxBodyBytes } from '../../../packages/core/src/protocol/frame.ts';
import { failureFrom } from '../base/expect-failure.ts';

/** As Bun's process.stdout: it takes whatever it is given and never says that it needs to drain. */
class GreedyStream extends Writable {
  readonly pending: (() => void)[] = [];

  constructor() {
    super({ highWaterMark: 2 ** 30 });
  }

  override _writev(_chunks: unknown, done: () => void): void {
    this.pending.push(done);
  }

  override _write(_chunk: unknown, _encoding: string, done: () => void): void {
    this.pending.push(done);
  }

  /** Everything that is under way is written. */
  async flush(): Promise<void> {
    while (this.pending.length > 0) {
      this.pending.shift()?.();
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const body = Buffer.alloc(maxBodyBytes);

async function isWaiting(room: Promise<void>): Promise<boolean> {
  const next = new Promise<'waits'>((resolve) => setImmediate(() => resolve('waits')));
  return (await Promise.race([room.then(() => 'room'), next])) === 'waits';
}

test('a sender waits for what is under way, also for a stream that never says so', async () => {
  const stream = new GreedyStream();
  const writer = new FrameWriter(stream);
  writer.send({ type: 'data', id: 1 }, body);
  expect(await isWaiting(writer.waitForRoom())).toBe(false);
  writer.send({ type: 'data', id: 1 }, body);
  writer.send({ type: 'data', id: 1 }, body);
  const room = writer.waitForRoom();
  expect(await isWaiting(room)).toBe(true);
  expect(stream.writableNeedDrain).toBe(false);
  await stream.flush();
  await room;
});

test.each(['close', 'error'])('who waits for a stream that ends with %s is told', async (how) => {
  const stream = new GreedyStream();
  stream.on('error', () => undefined);
  const writer = new FrameWriter(stream);
  for (let frame = 0; frame < 4; frame += 1) writer.send({ type: 'data', id: 1 }, body);
  const room = writer.waitForRoom();
  stream.destroy(how === 'error' ? new Error('EPIPE') : undefined);
  await failureFrom('host_unreachable', room);
  await failureFrom('host_unreachable', writer.waitForRoom());
});

test('who asks is called back when all that was sent before was written, and no earlier', async () => {
  const stream = new GreedyStream();
  const writer = new FrameWriter(stream);
  const heard: string[] = [];
  writer.whenWritten(() => heard.push('nothing was sent'));
  expect(heard).toEqual(['nothing was sent']);
  writer.send({ type: 'data', id: 1 }, body);
  writer.whenWritten(() => heard.push('first'));
  writer.send({ type: 'data', id: 2 }, body);
  writer.whenWritten(() => heard.push('second'));
  expect(heard).toHaveLength(1);
  stream.pending.shift()?.();
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).not.toContain('second');
  await stream.flush();
  expect(heard).toEqual(['nothing was sent', 'first', 'second']);
});

test('who asks is not called back by a stream that breaks off', async () => {
  const stream = new GreedyStream();
  stream.on('error', () => undefined);
  const writer = new FrameWriter(stream);
  let isTold = false;
  for (let frame = 0; frame < 3; frame += 1) writer.send({ type: 'data', id: 1 }, body);
  writer.whenWritten(() => {
    isTold = true;
  });
  stream.destroy(new Error('EPIPE'));
  await stream.flush();
  await new Promise((resolve) => setImmediate(resolve));
  expect(isTold).toBe(false);
});
