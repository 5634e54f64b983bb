import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { temporaryDirectory } from '../files/temporary-directory.ts';

export interface FakeAgent {
  path: string;
  /** The first line that each client sent. */
  asked: string[];
  connections: () => number;
}

/** A socket on which somebody answers as the test says. */
export async function fakeAgent(onRequest: (socket: Socket) => void): Promise<FakeAgent> {
  const path = join(temporaryDirectory(), 'push-1-2.sock');
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
    let received = '';
    socket.on('data', (bytes: Buffer) => {
      received += bytes.toString();
      if (!received.includes('\n') || asked.includes(received)) return;
      asked.push(received);
      onRequest(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, () => resolve()));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { path, asked, connections: () => sockets.size };
}
