import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { command } from './command.ts';
import type { Machine } from './machine.ts';
import { findPostgresPrograms } from './postgres-programs.ts';
import { BASE_SETTINGS, formatSettings, type PostgresSettings } from './postgres-settings.ts';
import type { ProgramResult } from './program.ts';
import { PsqlSession } from './psql-session.ts';
import { UNPRIVILEGED_USER, User } from './user.ts';
import { waitFor } from './wait-for.ts';

export interface ClusterOptions {
  /** Names the data directory and the log; default main. */
  name?: string;
  /** Default 5432 for a machine's first cluster, and one more for each further. */
  port?: number;
  settings?: PostgresSettings;
  /** Of PostgreSQL; default the newest that is installed. */
  major?: number;
}

export interface InitOptions extends ClusterOptions {
  /** Default 1, so that runs are short. */
  walSegmentSizeMb?: number;
}

export interface FromBackupOptions extends ClusterOptions {
  /** True: a standby. False: a recovery to the latest point, or to the target that `settings` name. */
  standby: boolean;
  restoreCommand: string;
  /** For streaming, see {@link PostgresCluster.connectionString}. */
  primaryConninfo?: string;
}

/** A directory that pg_basebackup has written. */
export interface Backup {
  machine: Machine;
  /** Inside the machine. */
  directory: string;
}

export interface ArchiverStats {
  archivedCount: number;
  lastArchivedWal: string;
  failedCount: number;
  lastFailedWal: string;
}

export type BackupWal = 'none' | 'fetch' | 'stream';

export type StopMode = 'smart' | 'fast' | 'immediate';

const clustersOn = new WeakMap<Machine, number>();

/**
 * A PostgreSQL server on a machine, run by the unprivileged user; after PostgreSQL's own PostgreSQL::Test::Cluster.
 * It listens on its socket directory and on the machine's address, and trusts everybody on the stand's network.
 */
export class PostgresCluster {
  readonly machine: Machine;
  readonly name: string;
  readonly port: number;
  /** Inside the machine. */
  readonly dataDirectory: string;
  readonly #programs: string;
  readonly #log: string;

  private constructor(machine: Machine, { name = 'main', port, major }: ClusterOptions) {
    const before = clustersOn.get(machine) ?? 0;
    clustersOn.set(machine, before + 1);
    this.machine = machine;
    this.name = name;
    this.port = port ?? 5432 + before;
    this.dataDirectory = `${new User(UNPRIVILEGED_USER).home}/${name}`;
    this.#log = `/var/log/postgresql/${name}.log`;
    this.#programs = findPostgresPrograms(major);
  }

  /** Makes a new cluster with an identity of its own; it is not started. archive_mode is on, without a command. */
  static async init(machine: Machine, options: InitOptions = {}): Promise<PostgresCluster> {
    const cluster = new PostgresCluster(machine, options);
    const segment = `--wal-segsize=${options.walSegmentSizeMb ?? 1}`;
    const how = ['--auth=trust', '--no-sync', '--data-checksums', '--encoding=UTF8', '--locale=C', segment];
    await machine.check([cluster.#program('initdb'), '-D', cluster.dataDirectory, '-U', UNPRIVILEGED_USER, ...how]);
    const network = `${machine.address.replace(/\d+$/, '0')}/24`;
    const access = `host all all ${network} trust\nhost replication all ${network} trust\n`;
    appendFileSync(machine.path(`${cluster.dataDirectory}/pg_hba.conf`), access);
    cluster.configure({ ...BASE_SETTINGS, ...cluster.#placeSettings(), ...options.settings });
    return cluster;
  }

  /** Copies a backup to a machine and prepares it to recover; it is not started. It archives nothing unless told to. */
  static async fromBackup(machine: Machine, backup: Backup, options: FromBackupOptions): Promise<PostgresCluster> {
    const cluster = new PostgresCluster(machine, options);
    await command(['cp', '-a', backup.machine.path(backup.directory), machine.path(cluster.dataDirectory)]);
    cluster.configure({
      ...cluster.#placeSettings(),
      archive_mode: false,
      archive_command: '',
      restore_command: options.restoreCommand,
      primary_conninfo: options.primaryConninfo ?? '',
      ...options.settings,
    });
    machine.writeFile(`${cluster.dataDirectory}/${options.standby ? 'standby' : 'recovery'}.signal`, '');
    return cluster;
  }

  /** A cluster whose data directory somebody else has made, or will. */
  static adopt(machine: Machine, options: ClusterOptions): PostgresCluster {
    return new PostgresCluster(machine, options);
  }

  /** Appends to postgresql.conf; takes effect at the next reload or restart. */
  configure(settings: PostgresSettings): void {
    appendFileSync(this.machine.path(`${this.dataDirectory}/postgresql.conf`), formatSettings(settings));
  }

  /** Returns when connections are accepted. @throws Error with the end of the server's log. */
  async start({ timeoutMs = 60_000 }: { timeoutMs?: number } = {}): Promise<void> {
    const wait = ['-w', '-t', `${Math.ceil(timeoutMs / 1000)}`];
    try {
      await this.#pgCtl('start', [...wait, '-l', this.#log], timeoutMs + 10_000);
    } catch (cause) {
      const end = this.log().split('\n').slice(-15).join('\n');
      throw new Error(`cluster ${this.name} on ${this.machine.name} did not start:\n${end}`, { cause });
    }
  }

  /** Starts the server without waiting: a recovery that must not end, or not succeed, is watched by the caller. */
  async startWithoutWaiting(): Promise<void> {
    await this.#pgCtl('start', ['-W', '-l', this.#log]);
  }

  async stop(mode: StopMode = 'fast'): Promise<void> {
    await this.#pgCtl('stop', ['-w', '-m', mode]);
  }

  async restart(mode: StopMode = 'fast'): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  async reload(): Promise<void> {
    await this.#pgCtl('reload', []);
  }

  /** SIGKILL for the postmaster; returns when its children, who notice by themselves, are gone too. */
  async kill9(): Promise<void> {
    process.kill(this.postmasterPid(), 'SIGKILL');
    const what = `the processes of cluster ${this.name} to end`;
    const isOurs = (cwd: string) => cwd === this.dataDirectory;
    await waitFor(() => !this.machine.processes(/postgres/).some(({ cwd }) => isOurs(cwd)), { what });
  }

  /** The postmaster's pid as seen from outside. @throws Error when it does not run. */
  postmasterPid(): number {
    const inside = Number(
      readFileSync(this.machine.path(`${this.dataDirectory}/postmaster.pid`), 'utf8').split('\n')[0],
    );
    const entry = this.machine.processes('postgres').find(({ pidInside }) => pidInside === inside);
    if (entry === undefined) {
      throw new Error(`cluster ${this.name} on ${this.machine.name} does not run`);
    }
    return entry.pid;
  }

  get isRunning(): boolean {
    try {
      return this.postmasterPid() > 0;
    } catch {
      return false;
    }
  }

  /** Runs SQL with psql over the Unix socket; the rows as lines, columns separated by "|". @throws Error on failure. */
  async sql(text: string, { timeoutMs = 30_000 }: { timeoutMs?: number } = {}): Promise<string[]> {
    const output = await this.machine.check(this.#psql(), { input: text, timeoutMs });
    return output.split('\n').slice(0, -1);
  }

  /** The first row of a query. */
  async value(text: string): Promise<string> {
    return (await this.sql(text))[0] ?? '';
  }

  /** A connection that stays open, for transactions and for many statements. */
  session(): PsqlSession {
    return new PsqlSession(this.machine.spawn(this.#psql()));
  }

  /** Polls until the query's first row is the expected one. */
  async pollUntil(text: string, expected: string, timeoutMs = 30_000): Promise<void> {
    let last = '';
    const isReached = async () => {
      last = await this.value(text);
      if (last !== expected) {
        throw new Error(`the last answer was "${last}"`);
      }
      return true;
    };
    await waitFor(isReached, { what: `"${expected}" from ${text}`, timeoutMs, intervalMs: 50 });
  }

  /** Runs pg_basebackup on this machine. With wal `none` it waits until the archive has all WAL of the backup. */
  async backup(to = `${this.dataDirectory}.backup`, { wal = 'stream' }: { wal?: BackupWal } = {}): Promise<Backup> {
    const how = ['-c', 'fast', '-X', wal, '--no-sync'];
    const from = ['-h', '/run/postgresql', '-p', `${this.port}`];
    await this.machine.check([this.#program('pg_basebackup'), '-D', to, ...how, ...from], { timeoutMs: 120_000 });
    return { machine: this.machine, directory: to };
  }

  /** Runs pg_rewind on this cluster, which is stopped. `cwd` is where whoever calls it happens to be. */
  async rewindTo(source: PostgresCluster, cwd: string, ...flags: string[]): Promise<ProgramResult> {
    const server = `--source-server=${source.connectionString()} dbname=postgres`;
    const argv = [this.#program('pg_rewind'), `--target-pgdata=${this.dataDirectory}`, server, '--progress', ...flags];
    return await this.machine.run(argv, { cwd, timeoutMs: 120_000 });
  }

  /** For another machine's primary_conninfo. */
  connectionString(): string {
    return `host=${this.machine.address} port=${this.port} user=${UNPRIVILEGED_USER} application_name=standby`;
  }

  /** Returns when the server is no longer in recovery. */
  async promote(): Promise<void> {
    await this.#pgCtl('promote', ['-w']);
  }

  async setArchiveCommand(archiveCommand: string): Promise<void> {
    this.configure({ archive_command: archiveCommand });
    await this.reload();
    await this.pollUntil('SHOW archive_command', archiveCommand || '(disabled)');
  }

  /** Ends the current segment, with something in it, and returns its name. */
  async switchWal(): Promise<string> {
    // Without a record in between, a second switch in a row would do nothing. What was ended is told by the switch itself, as another
    // session may switch too; one byte before its end, because a location between two segments is of either, by the version.
    const sql = `SELECT pg_logical_emit_message(false, 'stand', 'x') IS NULL;
      SELECT pg_walfile_name(pg_switch_wal() - 1);`;
    return (await this.sql(sql))[1] ?? '';
  }

  async currentLsn(): Promise<string> {
    return await this.value('SELECT pg_current_wal_lsn()');
  }

  /** The last LSN replayed by a standby. */
  async replayedLsn(): Promise<string> {
    return await this.value('SELECT pg_last_wal_replay_lsn()');
  }

  async archiverStats(): Promise<ArchiverStats> {
    const columns = 'archived_count, last_archived_wal, failed_count, last_failed_wal';
    const row = (await this.value(`SELECT ${columns} FROM pg_stat_archiver`)).split('|');
    const [archived, lastArchivedWal = '', failed, lastFailedWal = ''] = row;
    return { archivedCount: Number(archived), lastArchivedWal, failedCount: Number(failed), lastFailedWal };
  }

  async lastArchived(): Promise<string> {
    return (await this.archiverStats()).lastArchivedWal;
  }

  /** Waits until PostgreSQL's own record says that a file was archived. */
  async waitForArchived(walName: string, timeoutMs = 30_000): Promise<void> {
    const done = this.machine.path(`${this.dataDirectory}/pg_wal/archive_status/${walName}.done`);
    // The marker goes with its segment at a checkpoint; then the statistics are ahead on the same timeline.
    const isArchived = async () => {
      const last = await this.lastArchived();
      return existsSync(done) || (last.slice(0, 8) === walName.slice(0, 8) && last >= walName);
    };
    await waitFor(isArchived, { what: `${walName} to be archived`, timeoutMs });
  }

  /** What the server has logged. */
  log(): string {
    const outside = this.machine.path(this.#log);
    return existsSync(outside) ? readFileSync(outside, 'utf8') : '';
  }

  #placeSettings(): PostgresSettings {
    return { port: this.port, listen_addresses: this.machine.address };
  }

  #program(name: string): string {
    return `${this.#programs}/${name}`;
  }

  #psql(): string[] {
    const where = ['-h', '/run/postgresql', '-p', `${this.port}`, '-d', 'postgres', '-U', UNPRIVILEGED_USER];
    return [this.#program('psql'), '-XAtq', '-v', 'ON_ERROR_STOP=1', ...where];
  }

  async #pgCtl(action: string, options: readonly string[], timeoutMs = 90_000): Promise<void> {
    const argv = [this.#program('pg_ctl'), action, '-s', '-D', this.dataDirectory, ...options];
    await this.machine.check(argv, { timeoutMs });
  }
}
