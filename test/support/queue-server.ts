import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { QueueLogin } from '../../packages/core/src/queue/open-queue.ts';
import { findPostgresPrograms } from './postgres-programs.ts';
import { REPOSITORY_INSIDE, REPOSITORY_ROOT } from './repository.ts';
import { UNPRIVILEGED_USER, User } from './user.ts';

/**
 * A PostgreSQL server for queues, on a socket in a directory of its own: no machine, no network. Whoever may reach the socket may
 * log in as any role.
 */
export class QueueServer {
  readonly directory: string;
  readonly #user = new User(UNPRIVILEGED_USER);
  readonly #programs: string;
  readonly #isDurable: boolean;

  private constructor(programs: string, isDurable: boolean) {
    this.#programs = programs;
    this.#isDurable = isDurable;
    this.directory = mkdtempSync(join(tmpdir(), 'queue-server-'));
    this.#user.makeDirectory(this.directory, 0o755);
  }

  /** Default: the newest version that is installed. Without `isDurable` it outlives its own crash, not that of the computer. */
  static start(major?: number, isDurable = false): QueueServer {
    // Not inside a machine: the repository is at its own place.
    const server = new QueueServer(findPostgresPrograms(major).replace(REPOSITORY_INSIDE, REPOSITORY_ROOT), isDurable);
    server.#run('initdb', '-D', `${server.directory}/data`, '-A', 'trust', '-U', 'postgres', '--no-sync', '-E', 'UTF8');
    server.startAgain();
    return server;
  }

  /** After a stop or a kill; `more` settings count for this run. */
  startAgain(more: readonly string[] = []): void {
    const settings = [
      "listen_addresses=''",
      `unix_socket_directories='${this.directory}'`,
      'max_connections=150',
      `fsync=${this.#isDurable}`,
    ];
    const options = [...settings, 'log_min_messages=error', ...more].map((setting) => `-c ${setting}`).join(' ');
    this.#run(
      'pg_ctl',
      'start',
      '-w',
      '-s',
      '-D',
      `${this.directory}/data`,
      '-l',
      `${this.directory}/log`,
      '-o',
      options,
    );
  }

  /** `immediate` is a crash. */
  stop(mode: 'fast' | 'immediate' = 'fast'): void {
    this.#run('pg_ctl', 'stop', '-w', '-s', '-D', `${this.directory}/data`, '-m', mode);
  }

  /** Stops the server and removes it. */
  remove(): void {
    try {
      this.stop('immediate');
    } finally {
      rmSync(this.directory, { recursive: true, force: true });
    }
  }

  /** Gives a copy of the data directory to the server's account. */
  own(name: string): void {
    const { status } = spawnSync('chown', ['-R', this.#user.name, `${this.directory}/${name}`]);
    if (status !== 0) throw new Error(`chown ended with ${status}`);
  }

  /** Runs SQL with psql as the superuser, or as the role; the rows as lines, columns separated by "|". @throws Error. */
  sql(text: string, { database = 'postgres', role = 'postgres' } = {}): string[] {
    const where = ['-h', this.directory, '-d', database, '-U', role];
    const output = this.#run('psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', ...where, '-c', text);
    return output.split('\n').slice(0, -1);
  }

  createDatabase(name: string): void {
    this.sql(`CREATE DATABASE ${name}`);
  }

  /** For --queue. */
  conninfo(database: string, role = 'postgres'): { host: string; dbname: string; user: string } {
    return { host: this.directory, dbname: database, user: role };
  }

  #run(program: string, ...options: string[]): string {
    const { name } = this.#user;
    const drop = ['--reuid', name, '--regid', name, '--clear-groups', '--'];
    const argv = [...drop, `${this.#programs}/${program}`, ...options];
    const { status, stdout, stderr } = spawnSync('setpriv', argv, {
      cwd: this.directory,
      encoding: 'utf8',
      // pg_ctl's server must not keep our pipes open.
      stdio: program === 'pg_ctl' ? ['ignore', 'ignore', 'ignore'] : 'pipe',
      timeout: 60_000,
    });
    if (status !== 0) throw new Error(`${program} ended with ${status}: ${stderr ?? ''}`);
    return stdout ?? '';
  }
}

export const queueLogin: QueueLogin = {
  environment: {},
  userName: 'postgres',
  homeDirectory: '/nonexistent',
  applicationName: 'archive2 test',
  connectTimeoutMs: 3_000,
};

export const quickPatience = { lockMs: 500, statementMs: 5_000, callMs: 15_000 };
