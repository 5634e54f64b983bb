import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import type { ArchiveHost } from './archive-host.ts';
import { ArchiveStand } from './archive-stand.ts';
import { Ledger } from './ledger.ts';
import type { Machine } from './machine.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import type { Program, ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';

export const CLUSTER_DIRECTORY = '/archive/main';

/** What backup.json says, as far as tests look at it. */
export interface BackupJson {
  name: string;
  verified: boolean;
  sizeBytes: number;
  sourceBytes: number;
  fileCount: number;
  startSegment: string;
  start: { timeline: number; lsn: string };
  stop: { timeline: number; lsn: string };
  tool: string;
  manifestSha256: string;
}

/** Two archive hosts, a primary that archives to both, a ledger, and a machine to restore on. */
export class BackupStand {
  readonly archive: ArchiveStand;
  readonly primary: PostgresCluster;
  readonly ledger: Ledger;
  readonly restorer: Machine;
  #copies = 0;

  private constructor(archive: ArchiveStand, primary: PostgresCluster, ledger: Ledger, restorer: Machine) {
    this.archive = archive;
    this.primary = primary;
    this.ledger = ledger;
    this.restorer = restorer;
  }

  static async create(options: { major?: number } = {}): Promise<BackupStand> {
    const archive = await ArchiveStand.create();
    try {
      const restorer = await archive.stand.machine('restorer');
      await archive.admit(restorer, 'get');
      const primary = await PostgresCluster.init(archive.primary, options);
      await archive.startArchiving(primary);
      const ledger = await Ledger.create(primary);
      const it = new BackupStand(archive, primary, ledger, restorer);
      await it.write(3);
      return it;
    } catch (error) {
      await archive.close();
      throw error;
    }
  }

  get hosts(): readonly [ArchiveHost, ArchiveHost] {
    return this.archive.hosts;
  }

  /** Commits rows, and waits until their WAL is archived. */
  async write(rows: number): Promise<void> {
    for (let row = 0; row < rows; row += 1) await this.ledger.append({ paddingBytes: 100_000 });
    await this.primary.waitForArchived(await this.primary.switchWal());
  }

  /** A standby on a machine of its own, streaming and caught up. */
  async addStandby(): Promise<PostgresCluster> {
    const machine = await this.archive.stand.machine('standby');
    await this.archive.admit(machine, 'put,get');
    const standby = await PostgresCluster.fromBackup(machine, await this.primary.backup(), {
      standby: true,
      restoreCommand: this.archive.restoreCommand(),
      primaryConninfo: this.primary.connectionString(),
    });
    await standby.start();
    await standby.pollUntil('SELECT count(*) FROM pg_stat_wal_receiver', '1');
    return standby;
  }

  /** The flags by which base-backup reaches the primary, and others after it. */
  serverFlags(...others: PostgresCluster[]): string[] {
    const servers = [this.primary, ...others];
    return [
      '--pghost',
      servers.map(({ machine }) => machine.address).join(','),
      '--pgport',
      servers.map(({ port }) => port).join(','),
      '--pguser',
      'postgres',
    ];
  }

  peerOf(host: ArchiveHost): string {
    return host === this.archive.arch1 ? 'arch2' : 'arch1';
  }

  /** Starts base-backup without a queue; `flags` come last. */
  begin(host: ArchiveHost, flags: readonly string[] = this.serverFlags(), keep = 3): Program {
    const words = [CLUSTER_DIRECTORY, `${keep}`, this.peerOf(host)];
    return host.machine.spawn([
      `${BIN_DIRECTORY}/base-backup`,
      ...words,
      '--remote-cmd',
      `${BIN_DIRECTORY}/archive_remote_cmd`,
      ...flags,
    ]);
  }

  async backUp(host: ArchiveHost, flags?: readonly string[], keep?: number): Promise<ProgramResult> {
    const program = this.begin(host, flags, keep);
    program.input.end();
    return await program.endWithin(120_000);
  }

  /** Everything below the cluster directory that is or was a base backup, hidden names too. */
  backups(host: ArchiveHost): string[] {
    return readdirSync(host.machine.path(CLUSTER_DIRECTORY))
      .filter((name) => /^\.?data\./.test(name))
      .toSorted();
  }

  record(host: ArchiveHost, name: string): BackupJson {
    return JSON.parse(
      readFileSync(host.machine.path(`${CLUSTER_DIRECTORY}/${name}/backup.json`), 'utf8'),
    ) as BackupJson;
  }

  /**
   * Restores a backup as a person would who has nothing but tar, zstd and restore_command, to the latest point.
   */
  async restore(
    host: ArchiveHost,
    name: string,
    { restoreCommand = this.archive.restoreCommand(), major }: { restoreCommand?: string; major?: number } = {},
  ): Promise<PostgresCluster> {
    this.#copies += 1;
    const copy = `copy${this.#copies}`;
    const source = host.machine.path(`${CLUSTER_DIRECTORY}/${name}`);
    const inside = `/var/lib/postgresql/unpacked-${copy}`;
    const outside = this.restorer.path(inside);
    this.restorer.makeDirectory(inside, 0o700);
    const unpack = (tar: string, to: string) =>
      this.restorer.check(['sh', '-c', `mkdir -p '${to}' && zstd -dc | tar -xf - -C '${to}'`], {
        input: readFileSync(`${source}/${tar}`),
        timeoutMs: 120_000,
      });
    await unpack('base.tar.zst', inside);
    await unpack('pg_wal.tar.zst', `${inside}/pg_wal`);
    const map = existsSync(`${source}/tablespace_map`) ? readFileSync(`${source}/tablespace_map`, 'utf8') : '';
    const moved: string[] = [];
    for (const line of map.split('\n').filter((it) => it !== '')) {
      const [oid = ''] = line.split(' ');
      const place = `/var/lib/postgresql/spaces-${copy}/${oid}`;
      await unpack(`${oid}.tar.zst`, place);
      moved.push(`${oid} ${place}\n`);
    }
    if (moved.length > 0) this.restorer.writeFile(`${inside}/tablespace_map`, moved.join(''));
    // A backup of a standby has what made that one a standby.
    rmSync(`${outside}/standby.signal`, { force: true });
    if (!existsSync(`${outside}/backup_label`)) throw new Error('the tar has no backup_label');
    const server = await PostgresCluster.fromBackup(
      this.restorer,
      { machine: this.restorer, directory: inside },
      { name: copy, standby: false, restoreCommand, ...(major === undefined ? {} : { major }) },
    );
    try {
      await server.start();
      await server.pollUntil('SELECT pg_is_in_recovery()', 'f', 60_000);
    } catch (cause) {
      throw new Error(`${name} of ${host.machine.name} did not recover:\n${server.log().slice(-3000)}`, { cause });
    }
    return server;
  }

  async close(): Promise<void> {
    await this.ledger.close();
    await this.archive.close();
  }
}
