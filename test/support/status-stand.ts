import { randomUUID } from 'node:crypto';
import { openGatherer } from '../../packages/archive-status/src/gather/open-gatherer.ts';
import type { StatusGatherer } from '../../packages/archive-status/src/gather/status-gatherer.ts';
import { parseConfigFile } from '../../packages/archive-status/src/settings/config-file.ts';
import { clusterKeys, readWatchedCluster } from '../../packages/archive-status/src/settings/watched-cluster.ts';
import { systemClock } from '../../packages/core/src/base/clock.ts';
import { silentLog } from '../../packages/core/src/base/log.ts';
import { openQueue } from '../../packages/core/src/queue/open-queue.ts';
import { parseQueueLocation } from '../../packages/core/src/queue/queue-location.ts';
import type { ArchiveHost } from './archive-host.ts';
import { BackupStand, CLUSTER_DIRECTORY } from './backup-stand.ts';
import type { Machine } from './machine.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import type { Program, ProgramResult } from './program.ts';
import { queueLogin } from './queue-server.ts';
import { BIN_DIRECTORY } from './repository.ts';
import { waitFor } from './wait-for.ts';

const CONFIG = '/srv/status.conf';
const REMOTE = `${BIN_DIRECTORY}/archive_remote_cmd`;

/** A cell of `archive-status --json`. */
type Cell<T> = { known: true; value: T } | { known: false; reason: string };

/** What `archive-status --json` says of a cluster, as far as tests look at it. */
export interface StatusJson {
  schema: number;
  gatheringMs: number;
  clusters: {
    cluster: string;
    hosts: {
      name: string;
      answerMs: Cell<number>;
      newest: Cell<{ name: string; timeline: number } | null>;
      lag: Cell<{ segments: number; bytes: number }>;
      debts: Cell<{ count: number; oldestAt: string | null }>;
      lastBackup: Cell<{ name: string } | null>;
      cooldown: Cell<unknown>;
    }[];
    servers: {
      name: string;
      role: Cell<string>;
      lsn: Cell<string>;
      ready: Cell<{ count: number }>;
      archiver: Cell<{ lastArchivedWal: string; failedCount: number }>;
      walDisk: Cell<{ freeBytes: number }>;
    }[];
    role: { primaries: Cell<string[]>; timeline: Cell<number>; timelineSinceAt: Cell<string | null> };
    wal: {
      newest: Cell<{ name: string } | null>;
      singleCopies: Cell<{ host: string; from: string; count: number }[]>;
      holes: Cell<{ from: string; to: string; count: number; accepted: unknown }[]>;
    };
    newestBackup: Cell<{ name: string; host: string; endedAt: string } | null>;
    queue: Cell<{ schedules: { kind: string; running: { host: string; doneBytes: number | null } | null }[] }>;
    drills: Cell<{ ok: boolean; rtoMs: number | null; rpoMs: number | null; checks: unknown[] }[]>;
    coverage: Cell<{ ranges: { backup: string }[]; totalMs: number; isWhole: boolean }>;
    agents: Cell<{ answers: Cell<boolean> }[]> | null;
  }[];
  verdicts: { cluster: string; level: string; findings: { rule: string; level: string; text: string }[] }[];
}

/** Two archive hosts, a primary, a standby, a queue, and a machine that looks at all of them with a key that may do nothing else. */
export class StatusStand {
  readonly backups: BackupStand;
  readonly standby: PostgresCluster;
  readonly queue: PostgresCluster;
  readonly monitor: Machine;
  readonly location: string;

  private constructor(backups: BackupStand, standby: PostgresCluster, queue: PostgresCluster, monitor: Machine) {
    this.backups = backups;
    this.standby = standby;
    this.queue = queue;
    this.monitor = monitor;
    this.location = `host=${queue.machine.address} user=postgres dbname=postgres`;
  }

  static async create(): Promise<StatusStand> {
    const backups = await BackupStand.create();
    const { stand } = backups.archive;
    const monitor = await stand.machine('monitor');
    await backups.archive.admit(monitor, 'status');
    const standby = await backups.addStandby();
    const queue = await PostgresCluster.init(await stand.machine('queue'), { settings: { archive_mode: false } });
    await queue.start();
    const it = new StatusStand(backups, standby, queue, monitor);
    await it.operate('init');
    const { machine, port } = backups.primary;
    const server = `host=${machine.address} port=${port} user=postgres`;
    await it.operate('add', 'main', '--conninfo', server, '--hosts', 'arch1,arch2', '--directory', CLUSTER_DIRECTORY);
    it.writeConfig(monitor);
    return it;
  }

  /** Lets a machine look; its key must have the right. */
  writeConfig(machine: Machine): void {
    machine.makeDirectory('/srv');
    machine.writeFile(CONFIG, this.#config(), 0o644);
  }

  #config(): string {
    const servers = [this.backups.primary, this.standby];
    const hosts = servers.map(({ machine }) => machine.address).join(',');
    const ports = servers.map(({ port }) => port).join(',');
    return [
      '[main]',
      `cluster_dir = ${CLUSTER_DIRECTORY}`,
      'hosts = arch1 arch2',
      `servers = host=${hosts} port=${ports} user=postgres dbname=postgres`,
      `expected_primary = ${this.backups.primary.machine.address}`,
      `queue = ${this.location}`,
      '',
    ].join('\n');
  }

  /** The name that the report has for a server. */
  nameOf({ machine, port }: PostgresCluster): string {
    return `${machine.address}:${port}`;
  }

  async operate(...words: string[]): Promise<string> {
    return await this.queue.machine.check([`${BIN_DIRECTORY}/backup-queue`, ...words, '--queue', this.location]);
  }

  /** Starts a backup from the queue, out of turn. */
  beginBackup(host: ArchiveHost, ...flags: string[]): Program {
    const words = ['--queue', this.location, '--host', host.machine.name, '--remote-cmd', REMOTE, ...flags];
    const program = host.machine.spawn([`${BIN_DIRECTORY}/base-backup`, ...words, '--cluster', 'main', '--now']);
    program.input.end();
    return program;
  }

  /** Records in the queue what a drill found. */
  async recordDrill(ok: boolean): Promise<void> {
    const queue = await openQueue(parseQueueLocation(this.location), queueLogin);
    try {
      const endedAtMs = Date.now();
      await queue.recordVerification({
        id: randomUUID(),
        taskId: undefined,
        cluster: 'main',
        host: 'arch1',
        name: 'data.master.1',
        method: 'restore',
        startedAtMs: endedAtMs - 60_000,
        endedAtMs,
        ok,
        error: ok ? undefined : 'the table odds is empty',
        details: { rtoMs: 41_000, rpoMs: 7_000, 'check odds': ok ? '12' : 'FAILED: 0 is less than 1' },
      });
    } finally {
      await queue.close();
    }
  }

  get programPath(): string {
    return `${BIN_DIRECTORY}/archive-status`;
  }

  /** As `archive-status serve` has one, in this process; it reaches servers and queue, and no archive host. */
  async openGatherer(): Promise<StatusGatherer> {
    const [section] = parseConfigFile(this.#config(), CONFIG, clusterKeys);
    if (section === undefined) throw new Error('the configuration has no section');
    const settings = { ...section.settings, hosts: '-', 'cluster-dir': '/nonexistent/main' };
    return await openGatherer([readWatchedCluster('main', settings, (key) => key)], {
      timeoutMs: 8_000,
      stateDirectory: this.monitor.path('/srv/state'),
      environment: {},
      clock: systemClock,
      log: silentLog,
    });
  }

  async run(words: readonly string[], machine = this.monitor): Promise<ProgramResult> {
    // On a busy computer an answer may take longer than the two seconds of a person.
    const patience = words.some((word) => word.startsWith('--timeout')) ? [] : ['--timeout=8'];
    return await machine.run([this.programPath, ...words, ...patience, '--config', CONFIG]);
  }

  async check(...flags: string[]): Promise<ProgramResult> {
    return await this.run(['check', ...flags]);
  }

  async table(): Promise<string> {
    const { status, stdout, stderr } = await this.run([]);
    if (status !== 0) throw new Error(stderr);
    return stdout;
  }

  async json(...flags: string[]): Promise<StatusJson> {
    const { status, stdout, stderr } = await this.run(['--json', ...flags]);
    if (status !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as StatusJson;
  }

  async cluster(): Promise<StatusJson['clusters'][number]> {
    const [cluster] = (await this.json()).clusters;
    if (cluster === undefined) throw new Error('the report has no cluster');
    return cluster;
  }

  /** Waits until the check ends with a status and says something. */
  async checkUntil(
    status: number,
    text: RegExp,
    flags: readonly string[] = [],
    timeoutMs = 20_000,
  ): Promise<ProgramResult> {
    let last: ProgramResult | undefined;
    const isReached = async () => {
      last = await this.check(...flags);
      if (last.status === status && text.test(last.stdout)) return last;
      throw new Error(`status ${last.status}: ${last.stdout}${last.stderr}`);
    };
    return await waitFor(isReached, { what: `status ${status} and ${text}`, timeoutMs, intervalMs: 100 });
  }

  async close(): Promise<void> {
    await this.backups.close();
  }
}
