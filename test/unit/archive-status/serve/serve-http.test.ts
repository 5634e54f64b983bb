import { existsSync, linkSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isOwnName } from '@archive2/archive-status/serve/http/host-check.ts';
import { isLoopback, parseListenAddress } from '@archive2/archive-status/serve/http/listen-address.ts';
import { plainReply } from '@archive2/archive-status/serve/http/reply.ts';
import { securityHeaders } from '@archive2/archive-status/serve/http/security-headers.ts';
import { Token } from '@archive2/archive-status/serve/http/token.ts';
import { type Entrance, WebServer } from '@archive2/archive-status/serve/http/web-server.ts';
import { silentLog } from '@archive2/core/base/log.ts';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const secret = 'correct-horse-battery';
const loopback = { host: '127.0.0.1', port: 0 };
let directory = '';
let server: WebServer | undefined;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'serve-http-'));
});
afterEach(async () => {
  await server?.close();
  server = undefined;
  rmSync(directory, { recursive: true, force: true });
});

async function listen(entrance: Entrance): Promise<string> {
  server = new WebServer({
    entrance,
    route: (path, query) =>
      Promise.resolve(path === '/' ? plainReply(200, `hello ${query.get('span') ?? ''}`) : undefined),
    headers: securityHeaders('a{}', 'f()'),
    log: silentLog,
  });
  return await server.listen();
}

const overTcp = (token?: Token) => listen({ kind: 'tcp', address: loopback, token });
const basic = (password: string) => `Basic ${Buffer.from(`anybody:${password}`).toString('base64')}`;

describe('the server', () => {
  test('answers GET, and HEAD without a body', async () => {
    const url = await overTcp();
    const got = await fetch(`${url}?span=7d`);
    expect([got.status, await got.text()]).toEqual([200, 'hello 7d\n']);
    const head = await fetch(url, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, '7', '']);
  });

  test.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH'])('answers no %s', async (method) => {
    const answer = await fetch(await overTcp(), { method });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
  });

  test('knows no other path', async () => {
    expect((await fetch(`${await overTcp()}../etc/passwd`)).status).toBe(404);
  });

  test('sends its headers with every answer, refusals too', async () => {
    const url = await overTcp();
    for (const path of ['', 'nowhere']) {
      const { headers } = await fetch(url + path);
      expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-/);
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('content-security-policy')).not.toContain('unsafe');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
    }
  });

  test('refuses a URL and headers that are too long', async () => {
    const url = await overTcp();
    expect((await fetch(`${url}?${'a'.repeat(1500)}`)).status).toBe(414);
    expect((await fetch(url, { headers: { much: 'a'.repeat(10_000) } })).status).toBe(431);
  });

  test('an error of the page is a 500 that tells nothing', async () => {
    server = new WebServer({
      entrance: { kind: 'tcp', address: loopback, token: undefined },
      route: () => Promise.reject(new Error('secret path')),
      headers: {},
      log: silentLog,
    });
    const answer = await fetch(await server.listen());
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('secret');
  });

  test('holds 64 connections and no more', async () => {
    const { port, hostname } = new URL(await overTcp());
    const open = await Promise.all(
      Array.from(
        { length: 64 },
        () =>
          new Promise<ReturnType<typeof connect>>((resolve) => {
            const socket = connect(Number(port), hostname, () => {
              socket.write(`GET / HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
              socket.once('data', () => resolve(socket));
            });
          }),
      ),
    );
    await expect(fetch(`http://${hostname}:${port}/`)).rejects.toThrow();
    for (const socket of open) socket.destroy();
    await expect
      .poll(() =>
        fetch(`http://${hostname}:${port}/`).then(
          ({ status }) => status,
          () => 0,
        ),
      )
      .toBe(200);
  });
});

describe('DNS rebinding', () => {
  const at9187 = { host: '127.0.0.1', port: 9187 };

  test.each(['127.0.0.1:9187', 'localhost:9187', '[::1]:9187', 'LOCALHOST:9187', '127.1.2.3:9187'])(
    '%s is this server',
    (name) => {
      expect(isOwnName(name, at9187)).toBe(true);
    },
  );

  test.each([
    undefined,
    '',
    'evil.example:9187',
    'localhost',
    'localhost:80',
    'localhost.evil.example:9187',
    '127.0.0.1.evil.example:9187',
    '10.0.0.1:9187',
  ])('%s is not', (name) => {
    expect(isOwnName(name, at9187)).toBe(false);
  });

  test('a page that a foreign name leads to gets nothing', async () => {
    const { port, hostname } = new URL(await overTcp());
    const status = await new Promise((resolve, reject) => {
      request({ port, hostname, headers: { host: `evil.example:${port}` } }, (response) => resolve(response.statusCode))
        .on('error', reject)
        .end();
    });
    expect(status).toBe(421);
  });
});

describe('the token', () => {
  test.each([
    ['none', undefined, 401],
    ['a wrong one', 'Bearer wrong-horse-battery', 401],
    ['a part of it', `Bearer ${secret.slice(0, -1)}`, 401],
    ['it as a bearer token', `Bearer ${secret}`, 200],
    ['it as a password', basic(secret), 200],
    ['it as a user name', `Basic ${Buffer.from(`${secret}:`).toString('base64')}`, 401],
    ['a wrong password', basic('wrong'), 401],
    ['another scheme', `Digest ${secret}`, 401],
  ])('with %s: %s is answered with %i', async (_what, authorization, status) => {
    const url = await overTcp(new Token(secret));
    const answer = await fetch(url, authorization === undefined ? {} : { headers: { authorization } });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('www-authenticate')?.startsWith('Basic ') ?? false).toBe(status === 401);
  });

  test('is read from a file that others may not read, and is long enough', async () => {
    const path = join(directory, 'token');
    writeFileSync(path, `${secret}\n`, { mode: 0o600 });
    expect((await Token.read(path)).isIn(`Bearer ${secret}`)).toBe(true);
    writeFileSync(join(directory, 'open'), secret, { mode: 0o644 });
    await expect(Token.read(join(directory, 'open'))).rejects.toThrow('may be read by anybody');
    writeFileSync(join(directory, 'short'), 'short', { mode: 0o600 });
    await expect(Token.read(join(directory, 'short'))).rejects.toThrow('at least 16 characters');
    await expect(Token.read(join(directory, 'none'))).rejects.toThrow('cannot be read');
  });
});

describe('a Unix socket', () => {
  const throughSocket = (path: string) =>
    new Promise((resolve, reject) => {
      request({ socketPath: path, path: '/', headers: { host: 'proxy.example' } }, (response) =>
        resolve(response.statusCode),
      )
        .on('error', reject)
        .end();
    });

  test('is for owner and group, needs no token, and is taken over from a server that is gone', async () => {
    const path = join(directory, 'status.sock');
    for (const _time of [1, 2]) {
      expect(await listen({ kind: 'socket', path, token: undefined })).toBe(path);
      expect(statSync(path).mode & 0o777).toBe(0o660);
      expect(await throughSocket(path)).toBe(200);
      await server?.close();
    }
    expect(existsSync(path)).toBe(false);
  });

  test('is not taken from a server that is there, and no file is removed for it', async () => {
    const path = join(directory, 'status.sock');
    const other = createServer().listen(path);
    await new Promise((resolve) => other.once('listening', resolve));
    await expect(listen({ kind: 'socket', path, token: undefined })).rejects.toMatchObject({ code: 'busy' });
    await new Promise((resolve) => other.close(resolve));
    const file = join(directory, 'file');
    writeFileSync(file, 'kept');
    await expect(listen({ kind: 'socket', path: file, token: undefined })).rejects.toMatchObject({ code: 'usage' });
    expect(existsSync(file)).toBe(true);
  });

  test('that was left behind by a kill is replaced', async () => {
    const path = join(directory, 'left.sock');
    const left = createServer().listen(path);
    await new Promise((resolve) => left.once('listening', resolve));
    // Closing removes the name; a kill would not.
    const inode = join(directory, 'kept.sock');
    linkSync(path, inode);
    await new Promise((resolve) => left.close(resolve));
    if (!existsSync(path)) renameSync(inode, path);
    expect(await listen({ kind: 'socket', path, token: undefined })).toBe(path);
    expect(await throughSocket(path)).toBe(200);
  });
});

describe('where to listen', () => {
  test.each([
    ['127.0.0.1:9187', '127.0.0.1', 9187],
    ['[::1]:80', '::1', 80],
    ['localhost:0', 'localhost', 0],
    ['0.0.0.0:9187', '0.0.0.0', 9187],
  ])('%s', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ host, port });
  });

  test.each([
    '',
    '9187',
    ':9187',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:70000',
    '::1:9187',
    'example.org:9187',
    '1.2.3:80',
    '[127.0.0.1]:80',
  ])('%j is nowhere', (text) => {
    expect(() => parseListenAddress(text)).toThrow('is not an address with a port');
  });

  test('only these are loopback', () => {
    expect(['127.0.0.1', '127.8.8.8', '::1', 'localhost'].map(isLoopback)).toEqual([true, true, true, true]);
    expect(['0.0.0.0', '::', '10.127.0.1', '192.168.0.1', '128.0.0.1'].map(isLoopback)).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
  });
});
