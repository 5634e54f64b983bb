import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { expect } from 'vitest';
import { ArchiveStand } from './archive-stand.ts';
import { killAll } from './kill.ts';
import { Ledger } from './ledger.ts';
import type { Machine } from './machine.ts';
import { type Backup, PostgresCluster } from './postgres-cluster.ts';
import type { PostgresSettings } from './postgres-settings.ts';
import type { ProcessEntry } from './process-table.ts';
import { waitFor } from './wait-for.ts';

export interface CopyOptions {
  /** Default: a recovery to the latest. */
  standby?: boolean;
  restoreCommand?: string;
  settings?: PostgresSettings;
  machine?: Machine;
}

/** Recovery asks once, not for five minutes. */
export const IMPATIENT = ['--unavailable-timeout=0', '--connect-timeout=1.5', '--stall-timeout=2'];

/**
 * A primary with a ledger that archives to both hosts, and a backup of it without WAL: copies of it recover on another machine with
 * nothing but restore_cmd.
 */
export class RestoreStand {
  readonly stand: ArchiveStand;
  readonly restorer: Machine;
  readonly primary: PostgresCluster;
  readonly backup: Backup;
  readonly ledger: Ledger;
  #copies = 0;

  private constructor(
    stand: ArchiveStand,
    restorer: Machine,
    primary: PostgresCluster,
    backup: Backup,
    ledger: Ledger,
  ) {
    this.stand = stand;
    this.restorer = restorer;
    this.primary = primary;
    this.backup = backup;
    this.ledger = ledger;
  }

  static async create({ settings = {} }: { settings?: PostgresSettings } = {}): Promise<RestoreStand> {
    const stand = await ArchiveStand.create();
    try {
      const restorer = await stand.stand.machine('restorer');
      await stand.admit(restorer, 'get');
      const primary = await PostgresCluster.init(stand.primary, { settings });
      await stand.startArchiving(primary);
      const ledger = await Ledger.create(primary);
      await ledger.append();
      const backup = await primary.backup(undefined, { wal: 'none' });
      return new RestoreStand(stand, restorer, primary, backup, ledger);
    } catch (error) {
      await stand.close();
      throw error;
    }
  }

  /** Commits rows, ends their segment, and returns its name when both hosts have it. */
  async write(rows: number, paddingBytes = 0): Promise<string> {
    for (let row = 0; row < rows; row += 1) await this.ledger.append({ paddingBytes });
    const name = await this.primary.switchWal();
    await this.primary.waitForArchived(name);
    const isOnBoth = () => this.stand.hosts.every((host) => host.files(this.stand.walDirectory).includes(name));
    await waitFor(isOnBoth, { what: `both hosts to have ${name}`, timeoutMs: 20_000 });
    return name;
  }

  /** A copy of the backup that will recover, or stand by; it is not started. */
  async copy({ standby = false, restoreCommand, settings = {}, machine }: CopyOptions = {}): Promise<PostgresCluster> {
    this.#copies += 1;
    return await PostgresCluster.fromBackup(machine ?? this.restorer, this.backup, {
      name: `copy${this.#copies}`,
      standby,
      restoreCommand: restoreCommand ?? this.stand.restoreCommand(...IMPATIENT),
      settings: { wal_retrieve_retry_interval: '200ms', ...settings },
    });
  }

  /** Waits until the copy has opened, and compares it with the ledger: all of it, or the rows up to a number and no more. */
  async expectOpened(copy: PostgresCluster, upTo?: number): Promise<void> {
    await copy.pollUntil('SELECT pg_is_in_recovery()', 'f');
    const difference = await this.ledger.difference(copy, upTo === undefined ? {} : { upTo });
    expect(difference).toEqual({ missing: [], unexpected: [] });
  }

  /** Waits until a standby has every row that is confirmed, and goes on standing by. */
  async expectFollows(standby: PostgresCluster): Promise<void> {
    const last = this.ledger.confirmed.at(-1)?.number ?? 0;
    await standby.pollUntil(`SELECT max(number) >= ${last} FROM ledger`, 't', 40_000);
    expect(await this.ledger.difference(standby)).toEqual({ missing: [], unexpected: [] });
    expect(await standby.value('SELECT pg_is_in_recovery()')).toBe('t');
  }

  /** The agents that fetch for a copy. */
  agents({ machine, dataDirectory }: PostgresCluster): ProcessEntry[] {
    const isFor = ({ argv }: ProcessEntry) => argv.includes(`--data-dir=${dataDirectory}`);
    return machine.processes('restore_cmd agent run').filter(isFor);
  }

  /** What the agents of a copy have logged. */
  agentLog(copy: PostgresCluster): string {
    return this.#agentLogs(copy)
      .map((path) => readFileSync(path, 'utf8'))
      .join('');
  }

  #agentLogs({ machine, dataDirectory }: PostgresCluster): string[] {
    const inode = statSync(machine.path(dataDirectory)).ino.toString(16);
    const state = machine.path('/var/lib/archive2/postgres');
    const names = readdirSync(state).filter((name) => name.startsWith('get-') && name.endsWith(`-${inode}.log`));
    return names.map((name) => `${state}/${name}`);
  }

  /** The name of the segment in which the backup begins. */
  backupStart(): string {
    const label = readFileSync(this.backup.machine.path(`${this.backup.directory}/backup_label`), 'utf8');
    return /\(file (\w+)\)/.exec(label)?.[1] ?? '';
  }

  /** Ends the copy's server at once, and its agent with all that it has fetched ahead. */
  async stop(copy: PostgresCluster): Promise<void> {
    if (copy.isRunning) await copy.stop('immediate');
    const pids = this.agents(copy).map(({ pid }) => pid);
    await killAll(pids, `the agent of ${copy.name}`);
  }

  /** Stops a copy and removes it. */
  async discard(copy: PostgresCluster): Promise<void> {
    await this.stop(copy);
    // The next copy may get the inode, by which they are named.
    for (const path of this.#agentLogs(copy)) rmSync(path);
    rmSync(copy.machine.path(copy.dataDirectory), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.ledger.close();
    await this.stand.close();
  }
}

/** Starts a recovery that ends with an error at this file, and has not opened the database: no new timeline. */
export async function expectRefusal(copy: PostgresCluster, name: string): Promise<void> {
  const before = copy.log().length;
  await copy.startWithoutWaiting();
  const since = () => copy.log().slice(before);
  const opens = /ready to accept connections|selected new timeline/;
  const isOver = () => opens.test(since()) || (since().includes('FATAL') && !copy.isRunning);
  await waitFor(isOver, { what: 'recovery to stop', timeoutMs: 40_000 });
  expect(since()).not.toMatch(opens);
  // PostgreSQL's words for 126.
  expect(since()).toContain(`could not restore file "${name}" from archive: command not executable`);
  expect(since()).toContain('recovery must not end');
}
