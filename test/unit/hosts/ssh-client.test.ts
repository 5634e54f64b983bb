import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import { connectSsh, type SshOptions } from '../../../packages/core/src/hosts/ssh-client.ts';
import type { SshTarget } from '../../../packages/core/src/hosts/ssh-target.ts';
import { refusal } from './refusal.ts';
import { startSshServer, startTcpServer, type TestServer } from './ssh-server.ts';
import { freePort, makeKey } from './sshd.ts';

let directory: string;
const file = (name: string) => join(directory, name);
const stops: (() => Promise<void>)[] = [];
const unhandled: unknown[] = [];
const onUnhandled = (error: unknown) => unhandled.push(error);

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'ssh-client-'));
  makeKey(file('key'));
});
afterAll(() => rmSync(directory, { recursive: true }));
beforeEach(() => {
  process.on('unhandledRejection', onUnhandled);
  process.on('uncaughtException', onUnhandled);
});
afterEach(async () => {
  // A relay before the server behind it, which waits for its connections.
  for (const stop of stops.splice(0).toReversed()) await stop();
  process.off('unhandledRejection', onUnhandled);
  process.off('uncaughtException', onUnhandled);
  expect(unhandled.splice(0)).toEqual([]);
});

function started<T extends { stop(): Promise<void> }>(server: T): T {
  stops.push(() => server.stop());
  return server;
}

function target(port: number, knownHostsLines: string[], more: Partial<SshTarget> = {}): SshTarget {
  writeFileSync(file('known_hosts'), `${knownHostsLines.join('\n')}\n`);
  return {
    spec: { text: 'archive1', host: 'archive1' },
    hostName: '127.0.0.1',
    port,
    user: 'pg',
    addressFamily: 'any',
    identityFiles: [file('key')],
    hasOwnIdentities: true,
    identitiesOnly: false,
    knownHostsFiles: [file('known_hosts')],
    hostKeyName: '127.0.0.1',
    hasHostKeyAlias: false,
    proxyJump: [],
    ...more,
  };
}

const options = (more: Partial<SshOptions> = {}): SshOptions => ({
  connectTimeoutMs: 3000,
  keepaliveIntervalMs: 100,
  stallTimeoutMs: 600,
  log: silentLog,
  ...more,
});

const known = (server: TestServer) => target(server.port, [server.knownHostsLine]);

describe('the host key', () => {
  test('unknown: refused before anything is sent to log in', async () => {
    const server = started(await startSshServer());
    const failure = await refusal(() => connectSsh(target(server.port, []), options()));
    expect(failure.code).toBe('host_key_unknown');
    expect(failure.message).toMatch(
      /^pg@127\.0\.0\.1:\d+: its host key is not in known_hosts: ssh-ed25519 SHA256:\S{43}$/,
    );
    expect(failure.hint).toContain(`ssh-keyscan -t ed25519 -p ${server.port} 127.0.0.1 >> ${file('known_hosts')}`);
    expect(server.logins).toEqual([]);
  });

  test('changed: refused before anything is sent to log in, naming the known one', async () => {
    const other = started(await startSshServer());
    const server = started(await startSshServer());
    const line = other.knownHostsLine.replace(`:${other.port}`, `:${server.port}`);
    const failure = await refusal(() => connectSsh(target(server.port, [line]), options()));
    expect(failure.code).toBe('host_key_changed');
    expect(failure.hint).toContain(`Known are: ssh-ed25519 in ${file('known_hosts')}:1`);
    expect(failure.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${server.port}'`);
    expect(server.logins).toEqual([]);
  });

  test('revoked: refused although it is known', async () => {
    const server = started(await startSshServer());
    const [, ...key] = server.knownHostsLine.split(' ');
    const lines = [server.knownHostsLine, `@revoked * ${key.join(' ')}`];
    const failure = await refusal(() => connectSsh(target(server.port, lines), options()));
    expect(failure.code).toBe('host_key_changed');
    expect(failure.message).toContain('its host key is revoked');
    expect(server.logins).toEqual([]);
  });

  test('signed by a certificate authority only: unknown, and the hint says why', async () => {
    const server = started(await startSshServer());
    const failure = await refusal(() =>
      connectSsh(target(server.port, [`@cert-authority ${server.knownHostsLine}`]), options()),
    );
    expect(failure.code).toBe('host_key_unknown');
    expect(failure.hint).toContain('host certificates are not supported');
  });

  test('known: logged in with the key', async () => {
    const server = started(await startSshServer());
    const connection = await connectSsh(known(server), options());
    expect(server.logins[0]).toBe('pg publickey');
    connection.close();
    connection.close();
    expect(await connection.closed).toBeUndefined();
  });
});

describe('a login', () => {
  test('that is refused names the user and the keys', async () => {
    const server = started(await startSshServer({ acceptsLogin: false }));
    const failure = await refusal(() => connectSsh(known(server), options()));
    expect(failure.code).toBe('login_refused');
    expect(failure.message).toMatch(/the host refused the login of pg: offered \S+\/key \(SHA256:\S{43}\)$/);
  });
});

describe('a host that is not there', () => {
  test('refuses the connection: host_unreachable, connection refused', async () => {
    const failure = await refusal(async () => connectSsh(target(await freePort(), []), options()));
    expect([failure.code, failure.message]).toEqual([
      'host_unreachable',
      expect.stringMatching(/: connection refused$/),
    ]);
  });

  test('has no address: the name does not resolve', async () => {
    const failure = await refusal(() => connectSsh(target(22, [], { hostName: 'no-such-host.invalid' }), options()));
    expect([failure.code, failure.message]).toEqual([
      'host_unreachable',
      'pg@no-such-host.invalid:22: the name no-such-host.invalid does not resolve',
    ]);
  });

  test.each([
    ['accepts and says nothing', () => undefined],
    ['sends its banner and then nothing', (socket: { write(text: string): unknown }) => socket.write('SSH-2.0-x\r\n')],
  ])('%s: no answer within the timeout, which says what was waited for', async (_title, conduct) => {
    const server = started(await startTcpServer(conduct));
    const startedAt = performance.now();
    const failure = await refusal(() => connectSsh(target(server.port, []), options({ connectTimeoutMs: 300 })));
    expect(failure.code).toBe('host_unreachable');
    expect(failure.message).toMatch(
      /: no answer within 300 ms \(waiting for the SSH handshake with pg@127\.0\.0\.1:\d+\)$/,
    );
    expect(performance.now() - startedAt).toBeLessThan(1500);
  });

  test.each([
    ['closes at once', (socket: { end(): unknown }) => socket.end()],
    ['closes after its banner', (socket: { end(text: string): unknown }) => socket.end('SSH-2.0-x\r\n')],
    ['resets', (socket: { resetAndDestroy(): unknown }) => socket.resetAndDestroy()],
    ['sends noise without end', (socket: { write(text: string): unknown }) => socket.write('x'.repeat(100_000))],
    ['is another protocol', (socket: { end(text: string): unknown }) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')],
    ['speaks SSH 1', (socket: { write(text: string): unknown }) => socket.write('SSH-1.5-old\r\n')],
    [
      'sends a broken packet',
      (socket: { write(text: string): unknown }) => socket.write(`SSH-2.0-x\r\n${'\u00ff'.repeat(64)}`),
    ],
  ])('%s during the handshake: host_unreachable', async (_title, conduct) => {
    const server = started(await startTcpServer(conduct as (socket: unknown) => void));
    const failure = await refusal(() => connectSsh(target(server.port, []), options()));
    expect(failure.code).toBe('host_unreachable');
    expect(failure.message).toMatch(/^pg@127\.0\.0\.1:\d+: ./);
    expect(failure.message).not.toMatch(/no answer/);
  });

  test('an aborted signal ends the attempt with its reason', async () => {
    const server = started(await startTcpServer(() => undefined));
    const controller = new AbortController();
    const attempt = refusal(() => connectSsh(target(server.port, []), options({ signal: controller.signal })));
    const reason = new Failure('deadline', 'the call is over');
    controller.abort(reason);
    expect(await attempt).toBe(reason);
    expect(
      (await refusal(() => connectSsh(target(server.port, []), options({ signal: AbortSignal.abort() })))).code,
    ).toBe('deadline');
  });
});

describe('an established connection', () => {
  test('that is reset ends its channels with the reason, not as if they were read to their end', async () => {
    const server = started(
      await startSshServer({
        onExec(channel) {
          channel.write('half of a ');
        },
      }),
    );
    const relay = started(await startRelay(server.port));
    const connection = await connectSsh(
      target(relay.port, [server.knownHostsLine.replace(`:${server.port}`, `:${relay.port}`)]),
      options(),
    );
    const channel = await connection.exec('x');
    expect(String((await once(channel, 'data'))[0])).toBe('half of a ');
    const failed = once(channel, 'error');
    relay.reset();
    const failure = await connection.closed;
    expect(failure?.code).toBe('host_unreachable');
    expect(await failed).toEqual([failure]);
    expect(await channel.exited).toEqual({});
  });

  test('on which the host stops reading stalls within the timeout, and a write that waits is called back', async () => {
    const server = started(await startSshServer({ onExec: () => undefined }));
    const relay = started(await startRelay(server.port));
    const connection = await connectSsh(
      target(relay.port, [server.knownHostsLine.replace(`:${server.port}`, `:${relay.port}`)]),
      options(),
    );
    const channel = await connection.exec('x');
    channel.on('error', () => undefined);
    relay.blackHole();
    const written = new Promise<unknown>((resolve) => channel.write(Buffer.alloc(4 * 1024 * 1024), resolve));
    const startedAt = performance.now();
    const failure = await connection.closed;
    expect(failure?.code).toBe('host_stalled');
    expect(performance.now() - startedAt).toBeLessThan(2000);
    expect(await written).toBe(failure);
  });

  test('sends large writes as they are: the socket does not put together what waits', async () => {
    const server = started(await startSshServer({ onExec: (channel) => channel.resume() }));
    const connection = await connectSsh(known(server), options());
    const channel = await connection.exec('x');
    const puttingTogether = vi.spyOn(Socket.prototype as { _writev?: (...words: unknown[]) => void }, '_writev');
    try {
      for (let turn = 0; turn < 4; turn += 1) {
        await new Promise((resolve) => channel.write(Buffer.alloc(4 * 1024 * 1024), resolve));
      }
      const ours = puttingTogether.mock.contexts.filter((socket) => (socket as Socket).remotePort === server.port);
      expect(ours).toEqual([]);
    } finally {
      puttingTogether.mockRestore();
    }
    connection.close();
  });

  test('that the host closes is over, also for those who ask later', async () => {
    const server = started(await startSshServer());
    const connection = await connectSsh(known(server), options());
    server.connections[0]?.end();
    const failure = await connection.closed;
    expect(failure?.code).toBe('host_unreachable');
    expect(await refusal(() => connection.exec('x'))).toBe(failure);
  });

  test('on which nobody listens to a channel is lost without an uncaught error', async () => {
    const server = started(await startSshServer({ onExec: () => undefined }));
    const relay = started(await startRelay(server.port));
    const connection = await connectSsh(
      target(relay.port, [server.knownHostsLine.replace(`:${server.port}`, `:${relay.port}`)]),
      options(),
    );
    await connection.exec('x');
    relay.reset();
    expect((await connection.closed)?.code).toBe('host_unreachable');
  });

  test('closed by us closes its channels and answers what is asked later with a failure', async () => {
    const server = started(await startSshServer({ onExec: () => undefined }));
    const connection = await connectSsh(known(server), options());
    const channel = await connection.exec('x');
    connection.close();
    expect(await connection.closed).toBeUndefined();
    expect(channel.destroyed).toBe(true);
    expect((await refusal(() => connection.exec('x'))).message).toMatch(/: the connection was closed$/);
  });
});

/** A relay in front of a server, which can cut or stop the connection. */
async function startRelay(port: number) {
  const pairs: { near: Socket; far: Socket }[] = [];
  const server = await startTcpServer((near) => {
    const far = connect(port, '127.0.0.1');
    far.on('error', () => undefined);
    near.pipe(far);
    far.pipe(near);
    pairs.push({ near, far });
  });
  return {
    port: server.port,
    reset() {
      for (const { near } of pairs) near.resetAndDestroy();
    },
    blackHole() {
      for (const { near, far } of pairs) {
        near.unpipe(far);
        far.unpipe(near);
        near.pause();
        far.pause();
      }
    },
    async stop() {
      for (const { far } of pairs) far.destroy();
      await server.stop();
    },
  };
}
