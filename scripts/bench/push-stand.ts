import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { ArchiveStand } from '../../test/support/archive-stand.ts';
import { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import { BIN_DIRECTORY } from '../../test/support/repository.ts';
import { waitFor } from '../../test/support/wait-for.ts';
import { asInstalled } from './as-installed.ts';
import { CpuMeter } from './cpu-meter.ts';
import { benchSettings, writeSegments } from './write-segments.ts';

/** A way to archive: archive_command, and how to make the next run start with nothing archived and nothing running. */
export interface Pusher {
  label: string;
  archiveCommand: string;
  reset(): Promise<void>;
}

export interface PushRun {
  seconds: number;
  /** Segments per second once the first quarter is archived: without what the beginning costs. */
  steadyRate: number;
  /** Of everything on the measured machines, PostgreSQL's archiver included. */
  cpuPerSegmentMs: number;
}

const clusterDirectory = '/archive/main';

/** A primary with full segments that its own archiver can be made to archive again and again. */
export class PushStand {
  readonly stand: ArchiveStand;
  readonly primary: PostgresCluster;
  readonly segments: readonly string[];

  private constructor(stand: ArchiveStand, primary: PostgresCluster, segments: readonly string[]) {
    this.stand = stand;
    this.primary = primary;
    this.segments = segments;
  }

  static async create(stand: ArchiveStand, count: number, walSegmentSizeMb = 16): Promise<PushStand> {
    const primary = await PostgresCluster.init(stand.primary, {
      name: 'source',
      walSegmentSizeMb,
      settings: { ...benchSettings, archive_command: '/bin/true' },
    });
    await primary.start();
    const segments = await writeSegments(primary, count);
    const it = new PushStand(stand, primary, segments);
    await waitFor(() => it.#ready().length === 0, { what: 'the archiver to be done', timeoutMs: 60_000 });
    return it;
  }

  /** archive_cmd to both hosts. */
  ours(hosts = 'arch1 arch2', ...flags: string[]): Pusher {
    return {
      label: 'archive_cmd',
      archiveCommand: this.stand.archiveCommand(...flags).replace('arch1 arch2', hosts),
      reset: () => this.resetOurs(),
    };
  }

  /** Empties both archives, debts included, and ends the agent; a host that is switched off too. */
  async resetOurs(): Promise<void> {
    await this.stand.primary.run([`${BIN_DIRECTORY}/archive_cmd`, 'agent', 'stop']);
    for (const { machine } of this.stand.hosts) {
      if (machine.isRunning) {
        await waitFor(() => machine.processes(/archive_remote_cmd serve/).length === 0, {
          what: 'the sessions to end',
        });
      }
      for (const directory of [this.stand.walDirectory, `${clusterDirectory}/debts`]) empty(machine.path(directory));
    }
    asInstalled();
  }

  /**
   * Archives `count` segments that wait when archive_command is set, and measures until none waits any more. `warmUp` others are archived
   * first: what stays from one file to the next is at work then, as on a server that archives.
   */
  async backlog(pusher: Pusher, count: number, warmUp = 0): Promise<PushRun> {
    await this.pause();
    await pusher.reset();
    if (warmUp > 0) {
      this.markReady(this.segments.slice(count, count + warmUp));
      await this.primary.setArchiveCommand(pusher.archiveCommand);
      await this.#waitUntilLeft(0);
      await this.pause();
    }
    this.#bringIntoMemory(this.segments.slice(0, count));
    const machines = [this.stand.primary, ...this.stand.hosts.map((host) => host.machine)].filter(
      (machine) => machine.isRunning,
    );
    const meter = CpuMeter.open(machines);
    try {
      this.markReady(this.segments.slice(0, count));
      const cpuBefore = meter.read();
      const startedMs = performance.now();
      await this.primary.setArchiveCommand(pusher.archiveCommand);
      const left = Math.floor(count * 0.75);
      await this.#waitUntilLeft(left);
      const steadyMs = performance.now();
      await this.#waitUntilLeft(0);
      const endedMs = performance.now();
      return {
        seconds: (endedMs - startedMs) / 1000,
        steadyRate: (left * 1000) / (endedMs - steadyMs),
        cpuPerSegmentMs: (meter.read() - cpuBefore) / count,
      };
    } finally {
      meter.close();
    }
  }

  /** What PostgreSQL has just written is in the page cache; these were written minutes ago, and some kernels give back what is not looked at. */
  #bringIntoMemory(names: readonly string[]): void {
    for (const name of names) readFileSync(this.stand.primary.path(`${this.primary.dataDirectory}/pg_wal/${name}`));
  }

  /**
   * Milliseconds from the moment at which a segment waits until the archiver has it archived, one segment after another in a quiet
   * system. The first one is not counted: it starts what stays.
   */
  async singles(pusher: Pusher, count: number): Promise<number[]> {
    await pusher.reset();
    this.#bringIntoMemory(this.segments.slice(0, count + 1));
    await this.primary.setArchiveCommand(pusher.archiveCommand);
    const times: number[] = [];
    for (const name of this.segments.slice(0, count + 1)) times.push(await this.single(name));
    return times.slice(1);
  }

  /** The same for one segment, with the archive_command that is set. */
  async single(name: string, timeoutMs = 60_000): Promise<number> {
    const archiver = this.stand.primary.processes(/postgres: .*archiver/)[0];
    if (archiver === undefined) throw new Error('there is no archiver');
    this.markReady([name]);
    const startedMs = performance.now();
    // What wakes it for a moment, as the end of a segment does.
    process.kill(archiver.pid, 'SIGHUP');
    await this.#waitUntilLeft(0, timeoutMs, 1);
    return performance.now() - startedMs;
  }

  /** From now on what waits goes on waiting. */
  async pause(): Promise<void> {
    this.primary.configure({ archive_command: '' });
    await this.primary.reload();
    await this.primary.pollUntil('SHOW archive_command', '');
  }

  markReady(names: readonly string[]): void {
    for (const name of names) {
      const [done, ready] = [`${this.#status()}/${name}.done`, `${this.#status()}/${name}.ready`];
      if (!existsSync(ready)) renameSync(done, ready);
    }
  }

  /** Each look takes 0.1 ms of a processor, and the measured work has but two. */
  async #waitUntilLeft(count: number, timeoutMs = 300_000, intervalMs = 10): Promise<void> {
    const isReached = () => this.#ready().length <= count;
    await waitFor(isReached, { what: `all but ${count} segments to be archived`, timeoutMs, intervalMs });
  }

  #ready(): string[] {
    return readdirSync(this.#status()).filter((name) => name.endsWith('.ready'));
  }

  #status(): string {
    return this.stand.primary.path(`${this.primary.dataDirectory}/pg_wal/archive_status`);
  }
}

function empty(directory: string): void {
  if (!existsSync(directory)) return;
  for (const name of readdirSync(directory)) rmSync(`${directory}/${name}`, { recursive: true });
}
