import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { keyPair, sshDirectory } from './keys.ts';
import { killAll } from './kill.ts';
import type { Machine } from './machine.ts';
import { descendantsOf } from './process-table.ts';
import { sshdConfiguration } from './sshd-configuration.ts';
import { waitFor } from './wait-for.ts';

export interface ArchiveHostOptions {
  /** Default 22. */
  port?: number;
  /** sshd_config(5); default "100:30:200", so that only tests about it meet it. */
  maxStartups?: string;
  /** Further lines of sshd_config. */
  sshdConfig?: readonly string[];
}

const LOG = '/var/log/sshd.log';
const CONFIGURATION = '/etc/ssh/sshd_config';
/** In ~/.ssh, because its owner runs sshd. */
const HOST_KEY = 'host_ed25519';

/** A machine with a real sshd, run by the unprivileged user, who therefore is the only one to log in. */
export class ArchiveHost {
  readonly machine: Machine;
  readonly port: number;
  readonly #options: ArchiveHostOptions;

  private constructor(machine: Machine, options: ArchiveHostOptions) {
    this.machine = machine;
    this.port = options.port ?? 22;
    this.#options = options;
  }

  /** Sets an sshd up with a host key of its own and starts it. */
  static async start(machine: Machine, options: ArchiveHostOptions = {}): Promise<ArchiveHost> {
    const host = new ArchiveHost(machine, options);
    await keyPair(machine, HOST_KEY);
    machine.writeFile(LOG, '', 0o644);
    await host.startSshd();
    return host;
  }

  /** Returns when it accepts connections. Call again after a restart of the machine or a change of the options. */
  async startSshd(options: Omit<ArchiveHostOptions, 'port'> = {}): Promise<void> {
    const { maxStartups = '100:30:200', sshdConfig = [] } = { ...this.#options, ...options };
    const hostKey = `${sshDirectory()}/${HOST_KEY}`;
    const lines = sshdConfiguration({ port: this.port, hostKey, maxStartups, more: sshdConfig });
    this.machine.writeFile(CONFIGURATION, lines, 0o644);
    // -f: the daemon belongs to the machine, not to this program's entry.
    const sshd = `exec /usr/sbin/sshd -D -e -f ${CONFIGURATION} </dev/null >>${LOG} 2>&1`;
    await this.machine.check(['setsid', '-f', 'sh', '-c', sshd]);
    const what = `sshd of ${this.machine.name} to accept connections`;
    await waitFor(() => accepts(this.machine.address, this.port), { what, intervalMs: 5 });
  }

  /** Ends the listener as init would: sessions go on. */
  async stopSshd(): Promise<void> {
    const listeners = this.#listeners();
    listeners.forEach((pid) => process.kill(pid, 'SIGTERM'));
    await this.#gone(listeners);
  }

  /** SIGKILL for the listener, every session and whatever the sessions have started and kept as their children. */
  async killSshd(): Promise<void> {
    const all = descendantsOf(
      this.machine.processes('sshd').map(({ pid }) => pid),
      this.machine.processes(),
    );
    await killAll(all, `sshd of ${this.machine.name}`);
  }

  /** Lets a key log in; a forced command comes with `restrict`. A key that was there gets the new rights. */
  authorizeKey(publicKey: string, { forcedCommand }: { forcedCommand?: string } = {}): void {
    const path = `${sshDirectory()}/authorized_keys`;
    const outside = this.machine.path(path);
    const key = publicKey.split(' ').slice(0, 2).join(' ');
    const others = existsSync(outside) ? readFileSync(outside, 'utf8').split('\n').filter(Boolean) : [];
    const rights = forcedCommand === undefined ? '' : `restrict,command="${forcedCommand.replaceAll('"', '\\"')}" `;
    const lines = [...others.filter((line) => !line.includes(key)), `${rights}${publicKey}`];
    this.machine.makeDirectory(sshDirectory(), 0o700);
    this.machine.writeFile(path, `${lines.join('\n')}\n`);
  }

  revokeKeys(): void {
    this.machine.writeFile(`${sshDirectory()}/authorized_keys`, '');
  }

  /** A line for known_hosts, under the name given; default the machine's address. */
  async publicHostKeyLine(knownAs = this.machine.address): Promise<string> {
    return `${knownAs} ${(await keyPair(this.machine, HOST_KEY)).split(' ').slice(0, 2).join(' ')}`;
  }

  /** A new host key, as after a reinstallation. sshd uses it after a restart. */
  async changeHostKey(): Promise<void> {
    await this.machine.check(['rm', `${sshDirectory()}/${HOST_KEY}`, `${sshDirectory()}/${HOST_KEY}.pub`]);
    await keyPair(this.machine, HOST_KEY);
  }

  /** The names in a directory, sorted, dot files left out; none when there is no such directory. */
  files(directory: string): string[] {
    const outside = this.machine.path(directory);
    const names = existsSync(outside) ? readdirSync(outside) : [];
    return names.filter((name) => !name.startsWith('.')).toSorted();
  }

  /** Everything in a directory, dot files too. */
  allFiles(directory: string): string[] {
    return readdirSync(this.machine.path(directory)).toSorted();
  }

  /** The SHA-256, in hex, of a file as it is stored. */
  sha256(path: string): string {
    return createHash('sha256')
      .update(readFileSync(this.machine.path(path)))
      .digest('hex');
  }

  /** What sshd has said. */
  log(): string {
    return readFileSync(this.machine.path(LOG), 'utf8');
  }

  #listeners(): number[] {
    return this.machine.processes(/sshd.*(\[listener\]|-D -e)/).map(({ pid }) => pid);
  }

  async #gone(pids: readonly number[]): Promise<void> {
    const isLeft = () => this.machine.processes().some(({ pid }) => pids.includes(pid));
    await waitFor(() => !isLeft(), { what: `sshd of ${this.machine.name} to end`, intervalMs: 5 });
  }
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const answer = (accepted: boolean) => {
      socket.destroy();
      resolve(accepted);
    };
    socket.on('connect', () => answer(true));
    socket.on('timeout', () => answer(false));
    socket.on('error', () => answer(false));
  });
}
