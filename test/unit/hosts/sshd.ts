import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const program = '/usr/sbin/sshd';

/** A real OpenSSH server on loopback, run as the current user, with its own keys. */
export interface Sshd {
  port: number;
  pid: number;
  directory: string;
  /** A line for known_hosts: the host's Ed25519 key. */
  knownHostsLine: string;
  /** What it logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Makes a key pair without a passphrase, unless one is given. */
export function makeKey(path: string, type = 'ed25519', passphrase = '', format: string[] = []): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', passphrase, '-C', 'test', '-f', path, ...format]);
  return readFileSync(`${path}.pub`, 'utf8').trim();
}

export async function startSshd(authorizedKeys: string[], extraConfig: string[] = []): Promise<Sshd> {
  if (!existsSync(program)) throw new Error(`${program} is not installed: run "make setup"`);
  // Only root's sshd wants it; elsewhere it can't be made and is not missed.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const directory = mkdtempSync(join(tmpdir(), 'sshd-'));
  const file = (name: string) => join(directory, name);
  const hostKey = makeKey(file('host_ed25519'));
  makeKey(file('host_rsa'), 'rsa');
  writeFileSync(file('authorized_keys'), `${authorizedKeys.join('\n')}\n`);
  const port = await freePort();
  writeFileSync(
    file('sshd_config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${file('host_ed25519')}`,
      `HostKey ${file('host_rsa')}`,
      `AuthorizedKeysFile ${file('authorized_keys')}`,
      'PidFile none',
      'StrictModes no',
      'UsePAM no',
      'PermitRootLogin yes',
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'LogLevel VERBOSE',
      ...extraConfig,
      '',
    ].join('\n'),
  );
  const child = spawn(program, ['-D', '-e', '-f', file('sshd_config')], { stdio: ['ignore', 'ignore', 'pipe'] });
  const lines: string[] = [];
  await waitForLine(child, lines, /Server listening/);
  return {
    port,
    pid: child.pid ?? 0,
    directory,
    knownHostsLine: `[127.0.0.1]:${port} ${hostKey}`,
    log: () => lines.join('\n'),
    async stop() {
      const ended = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
      child.kill('SIGTERM');
      await ended;
      rmSync(directory, { recursive: true });
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function waitForLine(child: ChildProcess, lines: string[], wanted: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    if (child.stderr === null) throw new Error('stderr is not a pipe');
    createInterface({ input: child.stderr }).on('line', (line) => {
      lines.push(line);
      if (wanted.test(line)) resolve();
    });
    child.once('exit', () => reject(new Error(`sshd ended: ${lines.join('\n')}`)));
  });
}
