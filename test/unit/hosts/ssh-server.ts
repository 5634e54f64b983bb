import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server as NetServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ssh2, { type Connection, type ServerChannel } from 'ssh2';
import { makeKey } from './sshd.ts';

/** A server in this process, whose key and conduct the test decides. */
export interface TestServer {
  port: number;
  /** A line for known_hosts. */
  knownHostsLine: string;
  /** Every login attempt: nothing may be in it when the host key is not accepted. */
  logins: string[];
  connections: Connection[];
  stop(): Promise<void>;
}

export interface Conduct {
  acceptsLogin?: boolean;
  /** What `exec` does. */
  onExec?(channel: ServerChannel, command: string, connection: Connection): void;
}

export async function startSshServer(conduct: Conduct = {}): Promise<TestServer> {
  const { privateKey, publicKey } = makeHostKey();
  const logins: string[] = [];
  const connections: Connection[] = [];
  const server = new ssh2.Server({ hostKeys: [privateKey] }, (connection) => {
    connections.push(connection);
    connection.on('error', () => undefined);
    connection.on('authentication', (context) => {
      logins.push(`${context.username} ${context.method}`);
      if (conduct.acceptsLogin === false) context.reject(['publickey']);
      else context.accept();
    });
    connection.on('session', (accept) => {
      accept().on('exec', (acceptExec, _reject, info) => conduct.onExec?.(acceptExec(), info.command, connection));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    knownHostsLine: `[127.0.0.1]:${port} ${publicKey}`,
    logins,
    connections,
    async stop() {
      for (const connection of connections) connection.end();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

/** A host key pair by ssh-keygen: about one in 200 that ssh2 1.17 makes under Bun 1.4.5 can be read by nobody. */
function makeHostKey(): { privateKey: string; publicKey: string } {
  const directory = mkdtempSync(join(tmpdir(), 'host-key-'));
  try {
    const publicKey = makeKey(join(directory, 'key'));
    return { privateKey: readFileSync(join(directory, 'key'), 'utf8'), publicKey };
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** A TCP server that does to each connection what the test says. */
export async function startTcpServer(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; stop(): Promise<void> }> {
  const sockets: Socket[] = [];
  const server: NetServer = createServer((socket) => {
    sockets.push(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  return {
    port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
