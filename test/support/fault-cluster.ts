import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import type { ArchiveHost } from './archive-host.ts';
import { type ArchiveStand, sha256, walDirectoryOf } from './archive-stand.ts';
import { type ArchiveCall, DataDirectory, type TimedResult } from './data-directory.ts';
import { trust } from './keys.ts';
import { sendSignal } from './kill.ts';
import { BIN_DIRECTORY } from './repository.ts';
import { waitFor } from './wait-for.ts';

/** The session that a wrapper is put around: what the primary opens, or what the peer opens. */
export type Role = 'put' | 'sync';

export interface FaultClusterOptions {
  /** Puts a file system of the test's choice at a host's cluster directory before it is set up. */
  mount?: (host: ArchiveHost, directory: string) => Promise<void>;
  /** Further flags of `archive_remote_cmd serve` on both hosts; the last one counts. */
  serveFlags?: readonly string[];
  /** Whether the hosts are each other's peers; default true. Without, a host does nothing but store. */
  arePeers?: boolean;
}

const REMOTE = `${BIN_DIRECTORY}/archive_remote_cmd`;
const SCRIPTS = '/srv/session';
/** Short, so that a test with a dead host ends soon, and long enough for a busy computer. */
const SERVE_FLAGS = ['--connect-timeout=3', '--stall-timeout=2', '--peer-wait=2', '--probe-interval=0.2'];
/** A slow session on host 1 is still host 1's: the tests of what happens to it must not meet host 2 instead. */
const CALL_FLAGS = ['--preferred-wait=3', '--connect-timeout=3', '--stall-timeout=2'];

let made = 0;

/**
 * A cluster directory of its own on both hosts of a stand and a data directory that ships to it, with a forced command
 * that can be run under a tracer or with limits. One at a time: making the next one takes the keys over.
 */
export class FaultCluster {
  readonly name: string;
  readonly directory: string;
  readonly stand: ArchiveStand;
  readonly data: DataDirectory;
  /** What archive_cmd returned 0 for, by name, with the content that it was given. */
  readonly acknowledged = new Map<string, Buffer>();
  /** The content of every file that was to be shipped. */
  readonly sources = new Map<string, Buffer>();
  /** What the calls of one file's way into the archive look like to a {@link CallTracer}. */
  readonly steps: RegExp;
  readonly #options: FaultClusterOptions;
  /** Contents by the SHA-256 of their stored form. */
  readonly #unpacked = new Map<string, Buffer>();
  #segments = 0;

  private constructor(stand: ArchiveStand, options: FaultClusterOptions) {
    made += 1;
    this.stand = stand;
    this.name = `c${made}`;
    this.directory = `/archive/${this.name}`;
    this.steps = new RegExp(`^answer$|^[a-z]+ ${this.directory}(/|$)`);
    this.data = new DataDirectory(stand, this.name);
    this.#options = options;
  }

  static async create(stand: ArchiveStand, options: FaultClusterOptions = {}): Promise<FaultCluster> {
    const cluster = new FaultCluster(stand, options);
    const { arch1, arch2, primary } = stand;
    for (const host of stand.hosts) {
      host.machine.makeDirectory(SCRIPTS);
      await options.mount?.(host, cluster.directory);
    }
    cluster.unwrap();
    await cluster.init();
    for (const [client, host, role] of [
      [primary, arch1, 'put'],
      [primary, arch2, 'put'],
      [arch1.machine, arch2, 'sync'],
      [arch2.machine, arch1, 'sync'],
    ] as const) {
      await trust(client, host, { as: host.machine.name, forcedCommand: `${SCRIPTS}/${role}` });
    }
    return cluster;
  }

  get walDirectory(): string {
    return walDirectoryOf(this.name);
  }

  async init(): Promise<void> {
    for (const { machine } of this.stand.hosts) {
      await machine.check([REMOTE, 'init', '--dir', this.directory, '--cluster', this.name]);
    }
  }

  /** Runs a host's side of new sessions of this role through other words (a tracer, limits), and with more flags. */
  wrap(host: ArchiveHost, role: Role, words: readonly string[], more: readonly string[] = []): void {
    const serve = [REMOTE, 'serve', '--dir', this.directory, '--cluster', this.name, '--allow', role];
    const peer = this.peerOf(host).machine.name;
    const its = role === 'put' && this.#options.arePeers !== false ? ['--peer', `${peer}=${peer}`] : [];
    const flags = ['--remote-cmd', REMOTE, ...SERVE_FLAGS, ...(this.#options.serveFlags ?? []), ...more];
    const line = [...words, ...serve, ...its, ...flags].map((word) => `'${word}'`).join(' ');
    // A script that somebody is about to run cannot be written to.
    const script = `${SCRIPTS}/${role}`;
    host.machine.writeFile(`${script}.new`, `#!/bin/sh\nexec ${line}\n`, 0o755);
    renameSync(host.machine.path(`${script}.new`), host.machine.path(script));
  }

  /** Sessions of this role end at once on this host, before a word is said. */
  refuse(host: ArchiveHost, role: Role): void {
    this.wrap(host, role, ['/bin/false']);
  }

  /** New sessions are served as they should be again. */
  unwrap(): void {
    for (const host of this.stand.hosts) {
      for (const role of ['put', 'sync'] as const) this.wrap(host, role, []);
    }
  }

  peerOf(host: ArchiveHost): ArchiveHost {
    return host === this.stand.arch1 ? this.stand.arch2 : this.stand.arch1;
  }

  /** Writes the next segment into the data directory and returns its name. */
  segment(): string {
    this.#segments += 1;
    const { name, content } = this.data.segment(this.#segments);
    this.sources.set(name, content);
    return name;
  }

  /** Calls archive_cmd, without an agent unless `flags` say otherwise, and notes what it returned 0 for. */
  async push(name: string, { flags = ['--no-agent'], ...call }: ArchiveCall = {}): Promise<TimedResult> {
    const result = await this.data.archive(name, this.call({ flags, ...call }));
    if (result.status === 0) this.acknowledge(name);
    return result;
  }

  /** The words of a call for this cluster. */
  call({ flags = [], ...call }: ArchiveCall = {}): ArchiveCall {
    return { walDirectory: this.walDirectory, cluster: this.name, ...call, flags: [...CALL_FLAGS, ...flags] };
  }

  acknowledge(name: string, content = this.sources.get(name)): void {
    if (content === undefined) throw new Error(`${name} was shipped, but no test made it`);
    this.acknowledged.set(name, content);
  }

  /** The content under a name; undefined where there is none. @throws Error when it does not unpack. */
  content(host: ArchiveHost, name: string): Buffer | undefined {
    const path = this.path(host, `logs.complete/${name}`);
    if (!existsSync(path)) return undefined;
    // The same stored bytes are looked at many times, and on both hosts.
    const stored = sha256(readFileSync(path));
    const content = this.#unpacked.get(stored) ?? this.stand.content(host, name, this.name);
    if (content !== undefined) this.#unpacked.set(stored, content);
    return content;
  }

  has(host: ArchiveHost, name: string): boolean {
    return this.names(host).includes(name);
  }

  /** The final names that a host holds. */
  names(host: ArchiveHost): string[] {
    return host.files(this.walDirectory);
  }

  /** The files that have no final name, of segments, of the identity and of the state. */
  parts(host: ArchiveHost): string[] {
    const directories = [this.walDirectory, this.directory, `${this.directory}/state`];
    const found = directories.map((it) => host.machine.path(it)).filter((it) => existsSync(it));
    const names = found.flatMap((it) => readdirSync(it)).filter((name) => name.startsWith('.'));
    return names.toSorted();
  }

  debts(host: ArchiveHost): string[] {
    return host.files(`${this.directory}/debts/${this.peerOf(host).machine.name}`);
  }

  quarantine(host: ArchiveHost): string[] {
    return host.files(`${this.directory}/quarantine`);
  }

  /** A path of the cluster directory, for the test process. */
  path(host: ArchiveHost, inside: string): string {
    return host.machine.path(`${this.directory}/${inside}`);
  }

  /** Waits, without a push, until both hosts hold everything that was acknowledged and owe each other nothing. */
  async converged(timeoutMs = 15_000): Promise<void> {
    const isEqual = () => {
      const { arch1, arch2 } = this.stand;
      if (this.debts(arch1).length > 0 || this.debts(arch2).length > 0) return false;
      return [...this.acknowledged].every(([name, content]) => {
        return this.stand.hosts.every((host) => this.content(host, name)?.equals(content) === true);
      });
    };
    await waitFor(isEqual, { what: `the hosts of ${this.name} to be equal`, timeoutMs, intervalMs: 50 });
  }

  /** SIGKILL for every process of a host that works on this cluster, tracers first. */
  async killSessions({ machine }: ArchiveHost): Promise<void> {
    const left = () => machine.processes(`${this.directory}( |$)`);
    const isGone = () => {
      const found = left().toSorted((a, b) => Number(isTracer(b.argv)) - Number(isTracer(a.argv)));
      found.forEach(({ pid }) => sendSignal(pid));
      return found.length === 0;
    };
    await waitFor(isGone, { what: `the sessions of ${this.name} on ${machine.name} to end`, intervalMs: 5 });
  }

  /** Ends everything that works on this cluster. */
  async close(): Promise<void> {
    await this.data.killAgents();
    for (const host of this.stand.hosts) await this.killSessions(host);
    rmSync(this.stand.primary.path(this.data.path), { recursive: true, force: true });
  }
}

function isTracer(argv: readonly string[]): boolean {
  return argv.some((word) => word.endsWith('call-tracer.pl')) || argv[0]?.endsWith('strace') === true;
}

/** Words that make system calls of a program fail, or kill it: strace's fault injection. */
export function inject(fault: string, { paths = [] }: { paths?: readonly string[] } = {}): string[] {
  const [calls = ''] = fault.split(':');
  const only = paths.flatMap((path) => ['-P', path]);
  const what = ['-e', `trace=${calls}`, '-e', `inject=${fault}`, '-e', 'signal=none'];
  return ['/usr/bin/strace', '-f', '-qqq', '-o', '/dev/null', ...only, ...what];
}
