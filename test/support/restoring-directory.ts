import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { agentLogIn } from './agent-log.ts';
import { type ArchiveStand, sha256 } from './archive-stand.ts';
import { killAll } from './kill.ts';
import type { Machine } from './machine.ts';
import type { Program, ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';
import { UNPRIVILEGED_USER, User } from './user.ts';

/** Who calls restore_cmd: told by the signal file in the data directory. */
export type Asker = 'standby' | 'recovery' | 'elsewhere';

export interface RestoreCall {
  flags?: readonly string[];
  hosts?: string;
  delaySeconds?: number;
}

/** How a call of restore_cmd ended, and the digest of what it delivered. */
export interface RestoreResult {
  status: number | null;
  stderr: string;
  digest: string | undefined;
}

/** What restore_cmd takes for the data directory of a server: for tests that need none. */
export class RestoringDirectory {
  readonly machine: Machine;
  readonly path: string;
  readonly stateDirectory: string;
  readonly #stand: ArchiveStand;

  constructor(stand: ArchiveStand, machine: Machine, name: string, asker: Asker, systemIdentifier: bigint) {
    this.#stand = stand;
    this.machine = machine;
    this.path = `${new User(UNPRIVILEGED_USER).home}/${name}`;
    this.stateDirectory = `/var/lib/archive2/${name}`;
    for (const directory of [this.path, `${this.path}/pg_wal`, `${this.path}/global`, this.stateDirectory]) {
      machine.makeDirectory(directory, 0o700);
    }
    machine.writeFile(`${this.path}/PG_VERSION`, '15\n');
    const control = Buffer.alloc(8192);
    control.writeBigUInt64LE(systemIdentifier);
    machine.writeFile(`${this.path}/global/pg_control`, control);
    if (asker !== 'elsewhere') machine.writeFile(`${this.path}/${asker}.signal`, '');
  }

  /** Calls restore_cmd as PostgreSQL does, which removes what was delivered before it asks again. */
  async restore(name: string, call: RestoreCall = {}): Promise<RestoreResult> {
    const options = { cwd: this.path, env: { ARCHIVE2_STATE_DIR: this.stateDirectory } };
    const { status, stderr } = await this.machine.run(this.#argv(name, call), options);
    const digest = this.delivered(name);
    rmSync(this.#target(name), { force: true });
    return { status, stderr, digest };
  }

  /** As {@link restore}, without waiting for the end. */
  spawn(name: string, call: RestoreCall = {}): Program {
    const options = { cwd: this.path, env: { ARCHIVE2_STATE_DIR: this.stateDirectory } };
    return this.machine.spawn(this.#argv(name, call), options);
  }

  /** Calls restore_cmd for segments one after the other, as PostgreSQL does. @throws Error at the first that is not delivered. */
  async restoreAll(names: readonly string[], call: RestoreCall = {}): Promise<void> {
    const [program = '', ...words] = this.#argv('NAME', call);
    const quoted = [program, ...words].map((word) => (word === 'NAME' ? '"$name"' : `'${word}'`)).join(' ');
    const loop = `for name in "$@"; do rm -f pg_wal/RECOVERYXLOG; ${quoted} || exit $?; done; rm pg_wal/RECOVERYXLOG`;
    const options = { cwd: this.path, env: { ARCHIVE2_STATE_DIR: this.stateDirectory }, timeoutMs: 120_000 };
    await this.machine.check(['sh', '-c', loop, 'sh', ...names], options);
  }

  /** The digest of what lies where PostgreSQL expects the file. */
  delivered(name: string): string | undefined {
    const target = this.#target(name);
    return existsSync(target) ? sha256(readFileSync(target)) : undefined;
  }

  /** What the agents of this directory have logged. */
  agentLog(): string {
    return agentLogIn(this.machine, this.stateDirectory);
  }

  /** Runs a form of restore_cmd that operators call, in the data directory, for the standby that it is. */
  async operate(...words: readonly string[]): Promise<ProgramResult> {
    const options = { cwd: this.path, env: { ARCHIVE2_STATE_DIR: this.stateDirectory } };
    return await this.machine.run([`${BIN_DIRECTORY}/restore_cmd`, ...words], options);
  }

  /** SIGKILL for the agents of this directory. */
  async killAgents(): Promise<void> {
    const agents = this.machine.processes('restore_cmd agent run');
    const own = agents.filter(({ argv }) => argv.includes(`--data-dir=${this.path}`)).map(({ pid }) => pid);
    await killAll(own, `the agents of ${this.path}`);
  }

  /** The files that its agent holds, by the names of their segments. */
  held(): string[] {
    const state = this.machine.path(this.stateDirectory);
    const buffers = readdirSync(state).filter((name) => name.startsWith('buffer-'));
    const files = buffers.flatMap((buffer) => readdirSync(`${state}/${buffer}`));
    return files.map((name) => name.slice(1, 25)).toSorted();
  }

  /** What lies in pg_wal, temporary files included. */
  leftovers(): string[] {
    return readdirSync(this.machine.path(`${this.path}/pg_wal`));
  }

  #argv(name: string, { flags = [], hosts = 'arch1 arch2', delaySeconds }: RestoreCall): string[] {
    const words = [hosts, this.#stand.walDirectory, name, `pg_wal/${targetOf(name)}`];
    const delay = delaySeconds === undefined ? [] : [`${delaySeconds}`];
    return [`${BIN_DIRECTORY}/restore_cmd`, ...flags, ...words, ...delay];
  }

  #target(name: string): string {
    return this.machine.path(`${this.path}/pg_wal/${targetOf(name)}`);
  }
}

/** The %p that PostgreSQL passes. */
const targetOf = (name: string) => (name.endsWith('.history') ? 'RECOVERYHISTORY' : 'RECOVERYXLOG');
