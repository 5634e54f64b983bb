import { execFileSync, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createLog } from '../../../packages/core/src/base/log.ts';
import { LibraryGcm } from '../../../packages/core/src/hosts/gcm-engines.ts';
import { parseHostSpec } from '../../../packages/core/src/hosts/host-spec.ts';
import { readLocalIdentity } from '../../../packages/core/src/hosts/local-identity.ts';
import { connectSsh, type SshConnection, type SshOptions } from '../../../packages/core/src/hosts/ssh-client.ts';
import { parseSshConfig } from '../../../packages/core/src/hosts/ssh-config.ts';
import type { LocalIdentity } from '../../../packages/core/src/hosts/ssh-config-tokens.ts';
import { resolveSshTarget } from '../../../packages/core/src/hosts/ssh-target.ts';
import { refusal } from './refusal.ts';
import { makeKey, type Sshd, startSshd } from './sshd.ts';

let directory: string;
let local: LocalIdentity;
let host: Sshd;
const logged: string[] = [];
const file = (name: string) => join(directory, name);

const options = (more: Partial<SshOptions> = {}): SshOptions => ({
  connectTimeoutMs: 5000,
  keepaliveIntervalMs: 200,
  stallTimeoutMs: 1500,
  log: createLog((line) => logged.push(line), 'debug'),
  ...more,
});

/** A target as a configuration of these lines makes it. */
function target(lines: string[] = [], spec = `127.0.0.1:${host.port}`) {
  const text = [
    ...lines,
    `UserKnownHostsFile ${file('known_hosts')}`,
    'GlobalKnownHostsFile none',
    `IdentityFile ${file('ed25519')}`,
  ];
  return resolveSshTarget(parseHostSpec(spec), [parseSshConfig(text.join('\n'), 'config')], local);
}

async function connected<T>(
  work: (connection: SshConnection) => Promise<T>,
  lines: string[] = [],
  more: Partial<SshOptions> = {},
): Promise<T> {
  const connection = await connectSsh(target(lines), options(more));
  try {
    return await work(connection);
  } finally {
    connection.close();
    expect(await connection.closed).toBeUndefined();
  }
}

async function contentOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'ssh-client-'));
  local = await readLocalIdentity();
  const keys = [
    makeKey(file('ed25519')),
    makeKey(file('ecdsa'), 'ecdsa'),
    makeKey(file('rsa'), 'rsa'),
    makeKey(file('pem'), 'rsa', '', ['-m', 'PEM']),
    makeKey(file('encrypted'), 'ed25519', 'secret'),
    makeKey(file('open')),
    makeKey(file('in_agent')),
  ];
  makeKey(file('stranger'));
  chmodSync(file('open'), 0o644);
  host = await startSshd(keys, ['RekeyLimit 1M']);
  writeFileSync(file('known_hosts'), `${host.knownHostsLine}\n`);
});
afterAll(async () => {
  await host?.stop();
  rmSync(directory, { recursive: true });
});

describe('a program on a real sshd', () => {
  test('its stdout, stderr and exit status come back', async () => {
    await connected(async (connection) => {
      expect(connection.description).toBe(`${local.userName}@127.0.0.1:${host.port}`);
      const channel = await connection.exec('echo out; echo err >&2; exit 7');
      channel.end();
      const [out, err, exit] = await Promise.all([contentOf(channel), contentOf(channel.stderr), channel.exited]);
      expect([out.toString(), err.toString(), exit]).toEqual(['out\n', 'err\n', { status: 7 }]);
    });
  });

  test('the signal that ended it comes back', async () => {
    await connected(async (connection) => {
      const channel = await connection.exec('kill -TERM $$');
      channel.resume();
      expect(await channel.exited).toEqual({ signal: 'SIGTERM' });
    });
  });

  test('its exit status comes back also when its stdout ended before', async () => {
    await connected(async (connection) => {
      const channel = await connection.exec('exec >&- 2>&-; read line; exit 9');
      channel.resume();
      await once(channel, 'end');
      channel.end('go on\n');
      expect(await channel.exited).toEqual({ status: 9 });
    });
  });

  test('5 MB go both ways at once intact, through several key exchanges', async () => {
    await connected(async (connection) => {
      const sent = randomBytes(5 * 1024 * 1024);
      const channel = await connection.exec('cat');
      channel.end(sent);
      const received = await contentOf(channel);
      expect(digest(received)).toBe(digest(sent));
      expect(await channel.exited).toEqual({ status: 0 });
    });
  });

  test('each key that was in use is given back, also when keys were exchanged anew', async () => {
    const begin = vi.spyOn(LibraryGcm.prototype, 'begin');
    const close = vi.spyOn(LibraryGcm.prototype, 'close');
    try {
      await connected(async (connection) => {
        const channel = await connection.exec('cat');
        channel.end(randomBytes(5 * 1024 * 1024));
        await contentOf(channel);
      });
      const used = new Set(begin.mock.contexts);
      expect(used.size).toBeGreaterThan(2);
      // The good-bye is still on its way.
      await vi.waitFor(() => expect([...used].filter((one) => !close.mock.contexts.includes(one))).toEqual([]));
    } finally {
      begin.mockRestore();
      close.mockRestore();
    }
  });

  test('three programs run at the same time on one connection', async () => {
    await connected(async (connection) => {
      const sent = [1, 2, 3].map(() => randomBytes(1024 * 1024));
      const received = await Promise.all(
        sent.map(async (bytes) => {
          const channel = await connection.exec('cat');
          channel.end(bytes);
          return digest(await contentOf(channel));
        }),
      );
      expect(received).toEqual(sent.map(digest));
    });
  });

  test('writing to one that ends without reading ends too, and what it said can be read', async () => {
    await connected(async (connection) => {
      const channel = await connection.exec('echo refused; exit 3');
      channel.on('error', () => undefined);
      const written = new Promise((resolve) => channel.write(randomBytes(8 * 1024 * 1024), resolve));
      expect((await contentOf(channel)).toString()).toBe('refused\n');
      expect(await channel.exited).toEqual({ status: 3 });
      await written;
    });
  });

  test('one that is given up is closed on the host', async () => {
    await connected(async (connection) => {
      const channel = await connection.exec('trap "" PIPE; cat; echo ended >&2');
      channel.destroy();
      await channel.exited;
      expect(channel.destroyed).toBe(true);
    });
  });

  test('a host that cannot open another channel refuses it, and the connection lives on', async () => {
    const narrow = await startSshd([readKey('ed25519')], ['MaxSessions 1']);
    writeFileSync(file('narrow_hosts'), narrow.knownHostsLine);
    try {
      const connection = await connectSsh(
        target([`UserKnownHostsFile ${file('narrow_hosts')}`], `127.0.0.1:${narrow.port}`),
        options(),
      );
      const first = await connection.exec('cat');
      expect((await refusal(() => connection.exec('cat'))).code).toBe('not_allowed');
      first.end('still here');
      expect((await contentOf(first)).toString()).toBe('still here');
      connection.close();
      await connection.closed;
    } finally {
      await narrow.stop();
    }
  });
});

describe('keys', () => {
  test.each(['ed25519', 'ecdsa', 'rsa', 'pem'])('%s logs in', async (name) => {
    const config = [`IdentityFile ${file(name)}`, 'IdentitiesOnly yes'];
    const one = { ...target(config), identityFiles: [file(name)] };
    const connection = await connectSsh(one, options());
    connection.close();
    await connection.closed;
  });

  test('a wrong key is refused, and the failure names it and the user', async () => {
    const one = { ...target(), identityFiles: [file('stranger'), file('missing')] };
    const failure = await refusal(() => connectSsh(one, options()));
    expect(failure.code).toBe('login_refused');
    expect(failure.message).toContain(
      `the host refused the login of ${local.userName}: offered ${file('stranger')} (SHA256:`,
    );
    expect(failure.hint).toContain(`${file('missing')}: missing`);
  });

  test('an encrypted key without an agent and a key that others may read are not used, and the failure says so', async () => {
    const one = { ...target(), identityFiles: [file('encrypted'), file('open')] };
    const failure = await refusal(() => connectSsh(one, options()));
    expect(failure.message).toMatch(/no key to offer$/);
    expect(failure.hint).toContain(
      `${file('encrypted')}: encrypted, and no agent holds it; ${file('open')}: others may read it`,
    );
    expect(logged.join('\n')).toContain(
      `warning: a private key is not used because others may read it file=${file('open')}`,
    );
  });

  describe('of an agent', () => {
    let agent: { socket: string; stop(): Promise<void> };
    beforeAll(async () => {
      const socket = file('agent');
      const child = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] });
      await once(child.stdout, 'data');
      const add = (path: string, more = {}) =>
        execFileSync('ssh-add', ['-q', path], {
          env: { ...process.env, SSH_AUTH_SOCK: socket, ...more },
          stdio: 'ignore',
        });
      add(file('stranger'));
      add(file('in_agent'));
      writeFileSync(file('askpass'), '#!/bin/sh\necho secret\n', { mode: 0o700 });
      add(file('encrypted'), { SSH_ASKPASS: file('askpass'), SSH_ASKPASS_REQUIRE: 'force' });
      agent = {
        socket,
        async stop() {
          child.kill();
          await once(child, 'exit');
        },
      };
    });
    afterAll(() => agent.stop());

    test('log in when no file does', async () => {
      const connection = await connectSsh({ ...target(), identityFiles: [] }, options({ agentSocket: agent.socket }));
      connection.close();
      await connection.closed;
    });

    test('an encrypted identity file is used through the agent, also with IdentitiesOnly', async () => {
      const one = {
        ...target(['IdentitiesOnly yes', `IdentityAgent ${agent.socket}`]),
        identityFiles: [file('encrypted')],
      };
      const connection = await connectSsh(one, options());
      connection.close();
      await connection.closed;
    });

    test('IdentitiesOnly keeps the others away', async () => {
      const one = { ...target(['IdentitiesOnly yes']), identityFiles: [file('ecdsa.pub'), file('stranger')] };
      expect((await refusal(() => connectSsh(one, options({ agentSocket: agent.socket })))).code).toBe('login_refused');
    });

    test('IdentityAgent none keeps all away', async () => {
      const one = { ...target(['IdentityAgent none']), identityFiles: [] };
      expect((await refusal(() => connectSsh(one, options({ agentSocket: agent.socket })))).code).toBe('login_refused');
    });

    test('an agent that is not there is a warning, and the files are used', async () => {
      await connected(async () => undefined, [], { agentSocket: file('no_agent') });
      expect(logged.join('\n')).toContain('warning: the ssh agent cannot be used');
    });
  });
});

describe('the host key', () => {
  test('is found in a hashed known_hosts', async () => {
    copyFileSync(file('known_hosts'), file('hashed'));
    execFileSync('ssh-keygen', ['-q', '-H', '-f', file('hashed')], { stdio: 'ignore' });
    await connected(async () => undefined, [`UserKnownHostsFile ${file('hashed')}`]);
  });

  test('is asked for in the type that is known: with only the RSA key known that one is verified', async () => {
    const rsa = execFileSync('cat', [join(host.directory, 'host_rsa.pub')], { encoding: 'utf8' });
    writeFileSync(file('rsa_hosts'), `[127.0.0.1]:${host.port} ${rsa}`);
    await connected(async () => undefined, [`UserKnownHostsFile ${file('rsa_hosts')}`]);
  });

  test('unknown: the hint gives a command that makes it known', async () => {
    const config = [`UserKnownHostsFile ${file('new_hosts')}`];
    const failure = await refusal(() => connectSsh(target(config), options()));
    expect(failure.code).toBe('host_key_unknown');
    const printed = execFileSync('ssh-keygen', ['-lf', join(host.directory, 'host_ed25519.pub')], { encoding: 'utf8' });
    expect(failure.hint).toContain(printed.split(' ')[1]);
    const command = /To trust the host: (.*) — but/.exec(failure.hint ?? '')?.[1] ?? '';
    expect(command).toBe(`ssh-keyscan -t ed25519 -p ${host.port} 127.0.0.1 >> ${file('new_hosts')}`);
    execFileSync('sh', ['-c', command], { stdio: 'ignore' });
    await connected(async () => undefined, config);
  });

  test('with a HostKeyAlias it is found under that name', async () => {
    const config = ['HostKeyAlias archive', `UserKnownHostsFile ${file('alias_hosts')}`];
    const failure = await refusal(() => connectSsh(target(config), options()));
    const command = /To trust the host: (.*) — but/.exec(failure.hint ?? '')?.[1] ?? '';
    execFileSync('sh', ['-c', command], { stdio: 'ignore' });
    await connected(async () => undefined, config);
  });
});

describe('a jump host', () => {
  let inner: Sshd;
  beforeAll(async () => {
    inner = await startSshd([readKey('ed25519')]);
    writeFileSync(file('jump_hosts'), `${host.knownHostsLine}\n${inner.knownHostsLine}\n`);
  });
  afterAll(() => inner.stop());

  const jumping = (knownHosts = 'jump_hosts', jumps = `127.0.0.1:${host.port}`) =>
    target(
      [
        'Host inner',
        'HostName 127.0.0.1',
        `Port ${inner.port}`,
        `ProxyJump ${jumps}`,
        'Host *',
        `UserKnownHostsFile ${file(knownHosts)}`,
      ],
      'inner',
    );

  test('is gone through, with 5 MB both ways intact', async () => {
    const connection = await connectSsh(jumping(), options());
    expect(connection.description).toBe(`${local.userName}@127.0.0.1:${inner.port}`);
    const sent = randomBytes(5 * 1024 * 1024);
    const channel = await connection.exec('cat');
    channel.end(sent);
    expect(digest(await contentOf(channel))).toBe(digest(sent));
    expect(inner.log()).toMatch(/Accepted publickey/);
    connection.close();
    expect(await connection.closed).toBeUndefined();
  });

  test('two of them are gone through in order', async () => {
    const connection = await connectSsh(
      jumping('jump_hosts', `127.0.0.1:${host.port},127.0.0.1:${inner.port}`),
      options(),
    );
    const channel = await connection.exec('echo here');
    expect((await contentOf(channel)).toString()).toBe('here\n');
    connection.close();
    await connection.closed;
  });

  test('has its own key verified, and so has the host behind it', async () => {
    writeFileSync(file('only_inner'), inner.knownHostsLine);
    writeFileSync(file('only_jump'), host.knownHostsLine);
    const unknownJump = await refusal(() => connectSsh(jumping('only_inner'), options()));
    expect([unknownJump.code, unknownJump.message]).toEqual([
      'host_key_unknown',
      expect.stringContaining(`:${host.port}: `),
    ]);
    const unknownInner = await refusal(() => connectSsh(jumping('only_jump'), options()));
    expect([unknownInner.code, unknownInner.message]).toEqual([
      'host_key_unknown',
      expect.stringContaining(`:${inner.port}: `),
    ]);
  });

  test('that cannot reach the host says so', async () => {
    const failure = await refusal(() => connectSsh({ ...jumping(), port: 1 }, options()));
    expect(failure.code).toBe('host_unreachable');
    expect(failure.message).toContain('127.0.0.1:1: not reached from the jump host');
  });
});

describe('a host that goes away', () => {
  test('killed: the connection, its channels and what waits for it end with host_unreachable', async () => {
    const doomed = await startSshd([readKey('ed25519')]);
    writeFileSync(file('doomed_hosts'), doomed.knownHostsLine);
    try {
      const connection = await connectSsh(
        target([`UserKnownHostsFile ${file('doomed_hosts')}`], `127.0.0.1:${doomed.port}`),
        options(),
      );
      const channel = await connection.exec('echo $PPID; cat');
      const [pid] = (await once(channel, 'data')) as [Buffer];
      const reading = refusal(() => contentOf(channel));
      process.kill(Number(pid.toString()), 'SIGKILL');
      const failure = await connection.closed;
      expect(failure?.code).toBe('host_unreachable');
      expect(await reading).toBe(failure);
      expect(await channel.exited).toEqual({});
      expect(await refusal(() => connection.exec('cat'))).toBe(failure);
      connection.close();
    } finally {
      await doomed.stop();
    }
  });

  test('stopped (half-open): it is noticed within the stall timeout', async () => {
    const connection = await connectSsh(target(), options({ keepaliveIntervalMs: 100, stallTimeoutMs: 600 }));
    const channel = await connection.exec('echo $PPID; cat');
    const [pid] = (await once(channel, 'data')) as [Buffer];
    channel.on('error', () => undefined);
    const stoppedAt = performance.now();
    process.kill(Number(pid.toString()), 'SIGSTOP');
    try {
      const failure = await connection.closed;
      expect([failure?.code, failure?.message]).toEqual([
        'host_stalled',
        expect.stringMatching(/nothing moved for 600 ms$/),
      ]);
      expect(performance.now() - stoppedAt).toBeLessThan(1500);
    } finally {
      process.kill(Number(pid.toString()), 'SIGKILL');
    }
  });

  test('an idle connection to a healthy host stays', async () => {
    const connection = await connectSsh(target(), options({ keepaliveIntervalMs: 50, stallTimeoutMs: 300 }));
    const channel = await connection.exec('sleep 1; echo awake');
    expect((await contentOf(channel)).toString()).toBe('awake\n');
    connection.close();
    expect(await connection.closed).toBeUndefined();
  });
});

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function readKey(name: string): string {
  return execFileSync('cat', [file(`${name}.pub`)], { encoding: 'utf8' }).trim();
}
