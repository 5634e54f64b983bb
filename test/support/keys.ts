import { existsSync, readFileSync } from 'node:fs';
import type { ArchiveHost } from './archive-host.ts';
import type { Machine } from './machine.ts';
import { UNPRIVILEGED_USER, User } from './user.ts';

export interface TrustOptions {
  /** The alias in ~/.ssh/config. */
  as: string;
  /** Where the alias leads; default the host's own address and port, else for example a fault proxy's. */
  address?: string;
  port?: number;
  /** Looks the host key up under this name, as one does behind a proxy; default: under the address and port. */
  hostKeyAlias?: string;
  /** What the key may run on the host, whatever the client asks for. */
  forcedCommand?: string;
  /** The private key's file in ~/.ssh, made when it is not there; default id_ed25519. */
  identity?: string;
}

/** The unprivileged user's ~/.ssh, inside a machine. */
export const sshDirectory = () => `${new User(UNPRIVILEGED_USER).home}/.ssh`;

/** Makes an ed25519 key pair in ~/.ssh unless it is there, and returns the public key's line. */
export async function keyPair(machine: Machine, file = 'id_ed25519'): Promise<string> {
  const path = `${sshDirectory()}/${file}`;
  if (!existsSync(machine.path(`${path}.pub`))) {
    machine.makeDirectory(sshDirectory(), 0o700);
    const name = `${UNPRIVILEGED_USER}@${machine.name}`;
    await machine.check(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path]);
  }
  return readFileSync(machine.path(`${path}.pub`), 'utf8').trim();
}

/** Makes an alias work from the client: its key may log in on the host, and the host's key is known to it. */
export async function trust(client: Machine, host: ArchiveHost, options: TrustOptions): Promise<void> {
  const { as, address = host.machine.address, port = host.port, hostKeyAlias, identity = 'id_ed25519' } = options;
  const { forcedCommand } = options;
  host.authorizeKey(await keyPair(client, identity), forcedCommand === undefined ? {} : { forcedCommand });

  const knownAs = hostKeyAlias ?? (port === 22 ? address : `[${address}]:${port}`);
  const line = await host.publicHostKeyLine(knownAs);
  replaceLines(client, 'known_hosts', (known) => [...known.filter((old) => old.split(' ')[0] !== knownAs), line]);

  const block = [
    `Host ${as}`,
    `  HostName ${address}`,
    `  Port ${port}`,
    `  User ${UNPRIVILEGED_USER}`,
    `  IdentityFile ~/.ssh/${identity}`,
    ...(hostKeyAlias === undefined ? [] : [`  HostKeyAlias ${hostKeyAlias}`]),
  ];
  replaceLines(client, 'config', (config) => [...withoutBlock(config, as), ...block]);
}

/** Makes the host unknown to the client again, as before the first connection. */
export function forgetHostKeys(client: Machine): void {
  client.writeFile(`${sshDirectory()}/known_hosts`, '');
}

function replaceLines(client: Machine, file: string, change: (lines: string[]) => string[]): void {
  const path = `${sshDirectory()}/${file}`;
  const outside = client.path(path);
  const lines = existsSync(outside) ? readFileSync(outside, 'utf8').split('\n').filter(Boolean) : [];
  client.writeFile(path, `${change(lines).join('\n')}\n`);
}

function withoutBlock(config: string[], alias: string): string[] {
  const start = config.indexOf(`Host ${alias}`);
  if (start < 0) {
    return config;
  }
  const length = config.slice(start + 1).findIndex((line) => line.startsWith('Host '));
  return config.toSpliced(start, length < 0 ? config.length : length + 1);
}
