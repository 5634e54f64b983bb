import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { ArchiveHost } from './archive-host.ts';
import { trust } from './keys.ts';
import type { Machine } from './machine.ts';
import type { PostgresCluster } from './postgres-cluster.ts';
import type { ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';
import { Stand } from './stand.ts';
import { waitFor } from './wait-for.ts';

export interface ArchiveStandOptions {
  cluster?: string;
  /** Further flags of `archive_remote_cmd serve` on both hosts. */
  serveFlags?: readonly string[];
}

const CLUSTER_DIRECTORY = '/archive';
const ZSTD_MAGIC = Buffer.from('28b52ffd', 'hex');
const REMOTE = `${BIN_DIRECTORY}/archive_remote_cmd`;

/** Where DST-DIR points on both archive hosts of the stand. */
export const walDirectoryOf = (cluster: string) => `${CLUSTER_DIRECTORY}/${cluster}/logs.complete`;

export const sha256 = (content: string | Uint8Array) => createHash('sha256').update(content).digest('hex');

/**
 * Two archive hosts that are each other's peers and a database server, as the README sets them up: forced commands for every key,
 * cluster directories made by `init`.
 */
export class ArchiveStand {
  readonly stand: Stand;
  readonly primary: Machine;
  readonly arch1: ArchiveHost;
  readonly arch2: ArchiveHost;
  readonly cluster: string;
  readonly #options: ArchiveStandOptions;

  private constructor(
    stand: Stand,
    primary: Machine,
    arch1: ArchiveHost,
    arch2: ArchiveHost,
    cluster: string,
    options: ArchiveStandOptions,
  ) {
    this.stand = stand;
    this.primary = primary;
    this.arch1 = arch1;
    this.arch2 = arch2;
    this.cluster = cluster;
    this.#options = options;
  }

  static async create(options: ArchiveStandOptions = {}): Promise<ArchiveStand> {
    const stand = await Stand.create({ name: 'archive' });
    try {
      const primary = await stand.machine('primary');
      const arch1 = await ArchiveHost.start(await stand.machine('arch1'));
      const arch2 = await ArchiveHost.start(await stand.machine('arch2'));
      const it = new ArchiveStand(stand, primary, arch1, arch2, options.cluster ?? 'main', options);
      await it.initCluster(it.cluster);
      await trust(arch1.machine, arch2, { as: 'arch2', forcedCommand: it.serveCommand('sync', 'arch1') });
      await trust(arch2.machine, arch1, { as: 'arch1', forcedCommand: it.serveCommand('sync', 'arch2') });
      await it.admit(primary, 'put');
      return it;
    } catch (error) {
      await stand.close();
      throw error;
    }
  }

  get walDirectory(): string {
    return walDirectoryOf(this.cluster);
  }

  get hosts(): readonly [ArchiveHost, ArchiveHost] {
    return [this.arch1, this.arch2];
  }

  async initCluster(cluster: string): Promise<void> {
    for (const { machine } of this.hosts) {
      machine.makeDirectory(CLUSTER_DIRECTORY);
      await machine.check([REMOTE, 'init', '--dir', `${CLUSTER_DIRECTORY}/${cluster}`, '--cluster', cluster]);
    }
  }

  /**
   * The forced command of a key with these rights, on a host with this peer: what a key puts is forwarded to it, and what is owed
   * to it is paid, whoever's session finds that it is.
   */
  serveCommand(rights: string, peer?: string, cluster = this.cluster): string {
    const dir = `${CLUSTER_DIRECTORY}/${cluster}`;
    const words = [REMOTE, 'serve', '--dir', dir, '--cluster', cluster, '--allow', rights];
    if (peer !== undefined) words.push('--peer', `${peer}=${peer}`);
    words.push('--remote-cmd', REMOTE, ...(this.#options.serveFlags ?? []));
    return words.join(' ');
  }

  /** Lets a machine's key into both hosts, under the aliases arch1 and arch2. */
  async admit(machine: Machine, rights: string): Promise<void> {
    await trust(machine, this.arch1, { as: 'arch1', forcedCommand: this.serveCommand(rights, 'arch2') });
    await trust(machine, this.arch2, { as: 'arch2', forcedCommand: this.serveCommand(rights, 'arch1') });
  }

  /** One more alias, key and forced command by which the primary reaches arch1. */
  async admitAs(alias: string, options: { identity: string; hostKeyAlias?: string }): Promise<void> {
    await trust(this.primary, this.arch1, { as: alias, ...options, forcedCommand: this.serveCommand('put', 'arch2') });
  }

  /** A further cluster on the same hosts, with keys of its own: the primary reaches it as arch1-CLUSTER and arch2-CLUSTER. */
  async addCluster(cluster: string): Promise<void> {
    await this.initCluster(cluster);
    const { arch1, arch2, primary } = this;
    const identity = `id_${cluster}`;
    const [as1, as2] = [`arch1-${cluster}`, `arch2-${cluster}`];
    await trust(arch1.machine, arch2, { as: as2, identity, forcedCommand: this.serveCommand('sync', as1, cluster) });
    await trust(arch2.machine, arch1, { as: as1, identity, forcedCommand: this.serveCommand('sync', as2, cluster) });
    await trust(primary, arch1, { as: as1, identity, forcedCommand: this.serveCommand('put', as2, cluster) });
    await trust(primary, arch2, { as: as2, identity, forcedCommand: this.serveCommand('put', as1, cluster) });
  }

  /** Switches archiving on, in a cluster that is not running, and starts it. WAL stays in pg_wal, for comparison. */
  async startArchiving(cluster: PostgresCluster, ...flags: string[]): Promise<void> {
    cluster.configure({ archive_command: this.archiveCommand(...flags), wal_keep_size: '1GB' });
    await cluster.start();
  }

  /** What a host has stored under a name, unpacked with the zstd program; undefined where it has nothing. */
  content(host: ArchiveHost, name: string, cluster = this.cluster): Buffer | undefined {
    const path = host.machine.path(`${walDirectoryOf(cluster)}/${name}`);
    if (!existsSync(path)) return undefined;
    const stored = readFileSync(path);
    if (!stored.subarray(0, 4).equals(ZSTD_MAGIC)) return stored;
    return execFileSync('zstd', ['-dcq'], { input: stored, maxBuffer: 2 ** 31 - 1 });
  }

  /** The content that each host has under a name, as its SHA-256: equal ones are equal byte for byte. */
  digests(name: string): [string | undefined, string | undefined] {
    const digest = (host: ArchiveHost) => {
      const content = this.content(host, name);
      return content === undefined ? undefined : sha256(content);
    };
    return [digest(this.arch1), digest(this.arch2)];
  }

  /** The names of the files that a host owes the other one. */
  debts(host: ArchiveHost): string[] {
    const peer = host === this.arch1 ? 'arch2' : 'arch1';
    return host.files(`${CLUSTER_DIRECTORY}/${this.cluster}/debts/${peer}`);
  }

  /** Returns when no file is being written any more: a refused one is removed soon after its refusal was told. */
  async waitForNoParts(): Promise<void> {
    const parts = () =>
      this.hosts.flatMap((host) => host.allFiles(this.walDirectory).filter((name) => name.endsWith('.part')));
    const isClean = () => {
      if (parts().length > 0) throw new Error(parts().join(' '));
      return true;
    };
    await waitFor(isClean, { what: 'the temporary files to be removed' });
  }

  /** Returns when neither host owes the other one anything. */
  async waitForNoDebts(timeoutMs = 20_000): Promise<void> {
    const arePaid = () => {
      const owed = this.hosts.flatMap((host) => this.debts(host));
      if (owed.length > 0) throw new Error(`owed: ${owed.join(' ')}`);
      return true;
    };
    await waitFor(arePaid, { what: 'the debts to be paid', timeoutMs });
  }

  /** Tells a stored file from any other that may take its name. */
  inode(host: ArchiveHost, name: string): number {
    return statSync(host.machine.path(`${this.walDirectory}/${name}`)).ino;
  }

  /** When a stored file got its name. */
  changedMs(host: ArchiveHost, name: string): number {
    return statSync(host.machine.path(`${this.walDirectory}/${name}`)).ctimeMs;
  }

  quarantine(host: ArchiveHost): string[] {
    return host.files(`${CLUSTER_DIRECTORY}/${this.cluster}/quarantine`);
  }

  archiveCommand(...flags: string[]): string {
    const words = [
      `${BIN_DIRECTORY}/archive_cmd`,
      ...flags,
      '"arch1 arch2"',
      this.walDirectory,
      '%p',
      '%f',
      this.cluster,
    ];
    return words.join(' ');
  }

  restoreCommand(...flags: string[]): string {
    return [`${BIN_DIRECTORY}/restore_cmd`, ...flags, '"arch1 arch2"', this.walDirectory, '%f', '%p'].join(' ');
  }

  /** Runs archive_cmd for one file by hand, in `cwd`. */
  async archive(
    path: string,
    options: { flags?: string[]; cwd?: string; hosts?: string } = {},
  ): Promise<ProgramResult> {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const { flags = [], cwd = '/', hosts = 'arch1 arch2' } = options;
    return await this.primary.run(
      [`${BIN_DIRECTORY}/archive_cmd`, ...flags, hosts, this.walDirectory, path, name, this.cluster],
      { cwd },
    );
  }

  async close(): Promise<void> {
    await this.stand.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
