import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPostgresPrograms } from './postgres-programs.ts';
import { REPOSITORY_INSIDE, REPOSITORY_ROOT } from './repository.ts';
import { UNPRIVILEGED_USER, User } from './user.ts';

/**
 * A primary with 1 MB segments that archives into a directory, and backups of it, all below one directory of this computer: no
 * machine, no network. For tests of what happens to a data directory, not of how it gets there.
 */
export class LocalCluster {
  readonly directory: string;
  readonly programs: string;
  readonly user = new User(UNPRIVILEGED_USER);

  private constructor(major: number | undefined) {
    this.directory = mkdtempSync(join(tmpdir(), 'local-cluster-'));
    // Not inside a machine: the repository is at its own place.
    this.programs = findPostgresPrograms(major).replace(REPOSITORY_INSIDE, REPOSITORY_ROOT);
    this.user.makeDirectory(this.directory, 0o711);
  }

  /** Default: the newest version that is installed. */
  static start(major?: number): LocalCluster {
    const it = new LocalCluster(major);
    for (const name of ['archive', 'socket', 'main/logs.complete'])
      it.user.makeDirectory(join(it.directory, name), 0o755);
    const how = ['-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8', '--locale=C', '--wal-segsize=1', '-k'];
    it.run('initdb', '-D', join(it.directory, 'primary'), ...how);
    const options = [
      "listen_addresses=''",
      `unix_socket_directories='${it.directory}/socket'`,
      'shared_buffers=16MB',
      'archive_mode=on',
      `"archive_command=cp %p ${it.walDirectory}/%f"`,
      'autovacuum=off',
    ];
    const log = join(it.directory, 'primary.log');
    const words = options.map((setting) => `-c ${setting}`).join(' ');
    it.run('pg_ctl', 'start', '-w', '-s', '-D', join(it.directory, 'primary'), '-l', log, '-o', words);
    return it;
  }

  /** restore_cmd, where the server's account reaches it: the checkout may lie in a directory that is root's alone. */
  get restoreProgram(): string {
    const path = join(this.directory, 'restore_cmd');
    if (!existsSync(path)) {
      copyFileSync(join(REPOSITORY_ROOT, 'bin/archive2'), join(this.directory, 'archive2'));
      symlinkSync('archive2', path);
    }
    return path;
  }

  /** Plain files, as archive_cmd would store small ones; restore_cmd reads them with --only-local. */
  get walDirectory(): string {
    return join(this.directory, 'main/logs.complete');
  }

  /** @throws Error with psql's words. */
  sql(text: string): string[] {
    const where = ['-h', join(this.directory, 'socket'), '-d', 'postgres', '-U', 'postgres'];
    return this.run('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', ...where, '-c', text)
      .split('\n')
      .slice(0, -1);
  }

  /** A plain backup, as a data directory; its WAL is in the archive. */
  backUp(name: string): string {
    const to = join(this.directory, name);
    this.run(
      'pg_basebackup',
      '-D',
      to,
      '-h',
      join(this.directory, 'socket'),
      '-U',
      'postgres',
      '-c',
      'fast',
      '-X',
      'none',
    );
    return to;
  }

  /** Ends the current segment and waits until it is archived. Returns its name. */
  switchWal(): string {
    this.sql("SELECT pg_logical_emit_message(false, 'stand', 'x')");
    const name = this.sql('SELECT pg_walfile_name(pg_switch_wal() - 1)')[0] ?? '';
    const isDone = `SELECT coalesce(last_archived_wal >= '${name}', false) FROM pg_stat_archiver`;
    const deadline = Date.now() + 20_000;
    while (this.sql(isDone)[0] !== 't') if (Date.now() > deadline) throw new Error(`${name} was not archived`);
    return name;
  }

  stop(): void {
    this.run('pg_ctl', 'stop', '-w', '-s', '-D', join(this.directory, 'primary'), '-m', 'immediate');
  }

  remove(): void {
    try {
      if (existsSync(join(this.directory, 'primary/postmaster.pid'))) this.stop();
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  log(name: string): string {
    return readFileSync(join(this.directory, name), 'utf8');
  }

  /** A directory of the server's account alone. */
  makeDirectory(name: string): string {
    const path = join(this.directory, name);
    mkdirSync(path, { recursive: true });
    this.user.makeDirectory(path, 0o700);
    return path;
  }

  run(program: string, ...options: string[]): string {
    const { name } = this.user;
    const argv = ['--reuid', name, '--regid', name, '--clear-groups', '--', join(this.programs, program), ...options];
    const isServer = program === 'pg_ctl';
    const { status, stdout, stderr } = spawnSync('setpriv', argv, {
      cwd: this.directory,
      encoding: 'utf8',
      // pg_ctl's server must not keep our pipes open.
      stdio: isServer ? ['ignore', 'ignore', 'ignore'] : 'pipe',
      timeout: 60_000,
    });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr ?? ''}`);
    return stdout ?? '';
  }
}
