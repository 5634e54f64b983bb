import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { openConnection } from '../../../packages/core/src/postgres/connection.ts';

/** Messages of PostgreSQL's protocol, version 3: the login is accepted without a password, and a query is waited for. */
const authenticationOk = Buffer.from('520000000800000000', 'hex');
const readyForQuery = Buffer.from('5a0000000549', 'hex');

/** A server that takes connections, and does with a goodbye what the test says. */
async function server(onEnd: (socket: Socket) => void): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const listener = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => socket.write(Buffer.concat([authenticationOk, readyForQuery])));
    socket.on('end', () => onEnd(socket));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    listener.close();
  });
  return { port: (listener.address() as AddressInfo).port, sockets };
}

const to = (port: number) => openConnection({ host: '127.0.0.1', port, user: 'u', database: 'd', ssl: false });

test('a connection ends at once where the server answers the goodbye', async () => {
  const { port } = await server((socket) => socket.end());
  const connection = await to(port);
  const startedMs = performance.now();
  await connection.end();
  expect(performance.now() - startedMs).toBeLessThan(1000);
});

test('a server that never answers the goodbye is given up after two seconds', async () => {
  const { port } = await server(() => undefined);
  const connection = await to(port);
  const startedMs = performance.now();
  await connection.end();
  expect(performance.now() - startedMs).toBeGreaterThan(1900);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
