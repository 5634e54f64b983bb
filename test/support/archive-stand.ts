import { ArchiveHost } from './archive-host.ts';
import { trust } from './keys.ts';
import type { Machine, RunResult } from './machine.ts';
import { BIN_DIRECTORY } from './repository.ts';
import { Stand } from './stand.ts';

export interface ArchiveStandOptions {
  cluster?: string;
  /** Further flags of `archive_remote_cmd serve` on both hosts. */
  serveFlags?: readonly string[];
}

const CLUSTER_DIRECTORY = '/archive';
const REMOTE = `${BIN_DIRECTORY}/archive_remote_cmd`;

/** Where DST-DIR points on both archive hosts of the stand. */
export const walDirectoryOf = (cluster: string) => `${CLUSTER_DIRECTORY}/${cluster}/logs.complete`;

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
      await trust(arch1.machine, arch2, { as: 'arch2', forcedCommand: it.serveCommand('sync') });
      await trust(arch2.machine, arch1, { as: 'arch1', forcedCommand: it.serveCommand('sync') });
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

  /** The forced command of a key with these rights; a key that puts is forwarded to the other host. */
  serveCommand(rights: string, peer?: string): string {
    const dir = `${CLUSTER_DIRECTORY}/${this.cluster}`;
    const words = [REMOTE, 'serve', '--dir', dir, '--cluster', this.cluster, '--allow', rights];
    if (peer !== undefined) words.push('--peer', `${peer}=${peer}`);
    words.push('--remote-cmd', REMOTE, ...(this.#options.serveFlags ?? []));
    return words.join(' ');
  }

  /** Lets a machine's key into both hosts, under the aliases arch1 and arch2. */
  async admit(machine: Machine, rights: string): Promise<void> {
    await trust(machine, this.arch1, { as: 'arch1', forcedCommand: this.serveCommand(rights, 'arch2') });
    await trust(machine, this.arch2, { as: 'arch2', forcedCommand: this.serveCommand(rights, 'arch1') });
  }

  archiveCommand(...flags: string[]): string {
    const words = [`${BIN_DIRECTORY}/archive_cmd`, ...flags, '"arch1 arch2"', this.walDirectory, '%p', '%f', this.cluster];
    return words.join(' ');
  }

  restoreCommand(...flags: string[]): string {
    return [`${BIN_DIRECTORY}/restore_cmd`, ...flags, '"arch1 arch2"', this.walDirectory, '%f', '%p'].join(' ');
  }

  /** Runs archive_cmd for one file by hand, in `cwd`. */
  async archive(path: string, options: { flags?: string[]; cwd?: string; hosts?: string } = {}): Promise<RunResult> {
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
