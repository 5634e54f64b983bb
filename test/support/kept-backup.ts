import { existsSync, rmSync } from 'node:fs';
import type { ArchiveHost } from './archive-host.ts';
import { command } from './command.ts';
import type { Machine } from './machine.ts';
import type { Backup, PostgresCluster } from './postgres-cluster.ts';
import { findPostgresPrograms } from './postgres-programs.ts';
import type { Program, ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';

/** A base backup below a cluster directory, as the old scripts make it: pg_basebackup, and SUCCESS at its end. */
export class KeptBackup {
  readonly host: ArchiveHost;
  readonly name: string;
  readonly #cluster: string;

  constructor(host: ArchiveHost, number: number, cluster = '/archive/main') {
    this.host = host;
    this.name = `data.master.${number}`;
    this.#cluster = cluster;
  }

  get directory(): string {
    return `${this.#cluster}/${this.name}`;
  }

  /** Starts pg_basebackup on the archive host, into the `.partial` directory. It waits for all its WAL to be archived. */
  begin(primary: PostgresCluster): Program {
    const from = ['-h', primary.machine.address, '-p', `${primary.port}`, '-c', 'fast', '-X', 'none', '--no-sync'];
    return this.host.machine.spawn([
      `${findPostgresPrograms()}/pg_basebackup`,
      '-D',
      `${this.directory}.partial`,
      ...from,
    ]);
  }

  /** Publishes what `begin` has written. */
  async publish(): Promise<void> {
    await this.host.machine.check(['mv', `${this.directory}.partial`, this.directory]);
    this.host.machine.writeFile(`${this.directory}/SUCCESS`, '');
  }

  async take(primary: PostgresCluster): Promise<void> {
    const { status, stderr } = await this.begin(primary).endWithin(120_000);
    if (status !== 0) throw new Error(`pg_basebackup ended with ${status}: ${stderr}`);
    await this.publish();
  }

  /** A copy on a machine that restores, without the mark. */
  async copyTo(machine: Machine, directory: string): Promise<Backup> {
    await command(['cp', '-a', this.host.machine.path(this.directory), machine.path(directory)]);
    rmSync(machine.path(`${directory}/SUCCESS`));
    return { machine, directory };
  }

  /** As a rotation does. */
  remove(): void {
    rmSync(this.host.machine.path(this.directory), { recursive: true });
  }

  get exists(): boolean {
    return existsSync(this.host.machine.path(this.directory));
  }
}

/** Runs wal-cleanup on an archive host; words and flags as given. */
export function cleanUp(
  host: ArchiveHost,
  words: readonly string[],
  tracer: readonly string[] = [],
): Promise<ProgramResult> {
  const remote = ['--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
  return host.machine.run([...tracer, `${BIN_DIRECTORY}/wal-cleanup`, ...words, ...remote], { timeoutMs: 120_000 });
}
