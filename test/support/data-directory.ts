import { rmSync } from 'node:fs';
import { agentLogIn } from './agent-log.ts';
import type { ArchiveStand } from './archive-stand.ts';
import { killAll } from './kill.ts';
import type { Machine } from './machine.ts';
import type { ProcessEntry } from './process-table.ts';
import type { ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';
import { UNPRIVILEGED_USER, User } from './user.ts';
import { type SegmentFields, segmentBytes, segmentName } from './wal-file.ts';

export interface ArchiveCall {
  /** Options of archive_cmd. */
  flags?: readonly string[];
  hosts?: string;
  walDirectory?: string;
  /** %p; default the file's place in pg_wal. */
  path?: string;
  cluster?: string;
  env?: Record<string, string>;
  timeoutMs?: number;
}

/** How a call ended, and how long it took. */
export interface TimedResult extends ProgramResult {
  elapsedMs: number;
}

export interface DataDirectoryOptions {
  machine?: Machine;
  systemIdentifier?: bigint;
}

/**
 * What archive_cmd takes for a data directory, with segments made by hand: for tests that need no server. It has a state directory,
 * and so an agent and cooldowns, of its own.
 */
export class DataDirectory {
  readonly machine: Machine;
  readonly path: string;
  readonly stateDirectory: string;
  readonly systemIdentifier: bigint;
  readonly #stand: ArchiveStand;

  constructor(stand: ArchiveStand, name: string, options: DataDirectoryOptions = {}) {
    this.#stand = stand;
    this.machine = options.machine ?? stand.primary;
    this.systemIdentifier = options.systemIdentifier ?? 7_600_000_000_000_000_001n;
    this.path = `${new User(UNPRIVILEGED_USER).home}/${name}`;
    this.stateDirectory = `/var/lib/archive2/${name}`;
    this.machine.makeDirectory(this.path, 0o700);
    this.machine.makeDirectory(`${this.path}/pg_wal`, 0o700);
    this.machine.makeDirectory(`${this.path}/pg_wal/archive_status`, 0o700);
    this.machine.makeDirectory(this.stateDirectory, 0o700);
    this.machine.writeFile(`${this.path}/PG_VERSION`, '15\n');
  }

  /** Writes a segment with random content, ready to be archived. */
  segment(number: number, fields: Partial<SegmentFields> = {}): { name: string; content: Buffer } {
    const all = { number, systemIdentifier: this.systemIdentifier, ...fields };
    const name = segmentName(all);
    const content = segmentBytes(all);
    this.file(name, content);
    return { name, content };
  }

  /** Writes a file of pg_wal, and says that it is ready, as PostgreSQL does. */
  file(name: string, content: string | Uint8Array): void {
    this.machine.writeFile(`${this.path}/pg_wal/${name}`, content);
  }

  /** Says as PostgreSQL does that a file waits to be archived: the agent reads ahead what is ready. */
  markReady(name: string): void {
    this.machine.writeFile(`${this.path}/pg_wal/archive_status/${name}.ready`, '');
  }

  remove(name: string): void {
    rmSync(this.machine.path(`${this.path}/pg_wal/${name}`), { force: true, recursive: true });
  }

  /** Calls archive_cmd as PostgreSQL does, from the data directory. */
  async archive(name: string, call: ArchiveCall = {}): Promise<TimedResult> {
    const startedMs = performance.now();
    const result = await this.machine.run(this.argv(name, call), {
      cwd: this.path,
      env: this.environment(call.env),
      timeoutMs: call.timeoutMs ?? 60_000,
    });
    return { ...result, elapsedMs: performance.now() - startedMs };
  }

  /** As {@link archive}, in the client's own process. */
  async archiveAlone(name: string, call: ArchiveCall = {}): Promise<TimedResult> {
    return await this.archive(name, { ...call, flags: ['--no-agent', ...(call.flags ?? [])] });
  }

  argv(name: string, { flags = [], hosts = 'arch1 arch2', walDirectory, path, cluster }: ArchiveCall = {}): string[] {
    const words = [hosts, walDirectory ?? this.#stand.walDirectory, path ?? `pg_wal/${name}`, name];
    return [`${BIN_DIRECTORY}/archive_cmd`, ...flags, ...words, cluster ?? this.#stand.cluster];
  }

  environment(more: Record<string, string> = {}): Record<string, string> {
    return { ARCHIVE2_STATE_DIR: this.stateDirectory, ...more };
  }

  /** The agents that serve this directory. */
  agents(): ProcessEntry[] {
    return this.machine.processes('archive_cmd agent run').filter(({ argv }) => {
      return argv.includes(`--data-dir=${this.path}`);
    });
  }

  /** SIGKILL for the agents of this directory. */
  async killAgents(): Promise<void> {
    const pids = this.agents().map(({ pid }) => pid);
    await killAll(pids, `the agents of ${this.path}`);
  }

  /** What the agents of this directory have logged. */
  agentLog(): string {
    return agentLogIn(this.machine, this.stateDirectory);
  }

  /** The one agent of this directory. @throws Error when there is none, or more. */
  agent(): ProcessEntry {
    const agents = this.agents();
    const [agent] = agents;
    if (agent === undefined || agents.length > 1) throw new Error(`${agents.length} agents serve ${this.path}`);
    return agent;
  }
}
