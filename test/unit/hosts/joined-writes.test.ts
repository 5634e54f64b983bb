import { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { joinWrites } from '../../../packages/core/src/hosts/joined-writes.ts';

/** What reaches the system, a call each. */
function recording() {
  const calls: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      calls.push(String(chunk));
      done();
    },
    writev(chunks, done) {
      calls.push(chunks.map(({ chunk }) => String(chunk)).join(''));
      done();
    },
  });
  joinWrites(stream);
  return { stream, calls };
}

test('what is written in one turn leaves as one, at its end', async () => {
  const { stream, calls } = recording();
  for (const part of ['length ', 'packet ', 'tag']) stream.write(part);
  expect(calls).toEqual([]);
  await setImmediate();
  stream.write('next');
  await setImmediate();
  expect(calls).toEqual(['length packet tag', 'next']);
});

test('what was written before the end leaves before it', async () => {
  const { stream, calls } = recording();
  stream.write('goodbye');
  stream.end();
  await setImmediate();
  expect(calls).toEqual(['goodbye']);
  expect(stream.writableFinished).toBe(true);
});

test('a stream that is lost meanwhile is no error of ours', async () => {
  const { stream, calls } = recording();
  stream.write('too late');
  stream.destroy();
  await setImmediate();
  expect(calls).toEqual([]);
});

test('a socket whose writes are left apart makes one of each, also of those that have waited for another', async () => {
  const calls: string[] = [];
  const waiting: (() => void)[] = [];
  const socket = new Socket();
  socket._write = (chunk, _encoding, done) => {
    calls.push(String(chunk));
    waiting.push(done);
  };
  const leaveApart = joinWrites(socket);
  for (const part of ['begun ', 'before']) socket.write(part);
  leaveApart();
  await setImmediate();
  for (const part of ['large', 'larger', 'largest']) socket.write(part);
  while (waiting.length > 0) {
    waiting.shift()?.();
    await setImmediate();
  }
  expect(calls).toEqual(['begun ', 'before', 'large', 'larger', 'largest']);
  socket.destroy();
});
