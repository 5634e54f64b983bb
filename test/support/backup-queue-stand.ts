import type { ArchiveHost } from './archive-host.ts';
import { BackupStand, CLUSTER_DIRECTORY } from './backup-stand.ts';
import { PostgresCluster } from './postgres-cluster.ts';
import type { Program, ProgramResult } from './program.ts';
import { BIN_DIRECTORY } from './repository.ts';

/** A line of `backup-queue history --json`. */
export interface HistoryTask {
  taskId: number;
  host: string;
  state: 'running' | 'succeeded' | 'failed' | 'lost';
  dueAt: string;
  startedAt: string;
  error: string | null;
  result: { name: string | null; startLsn: string | null; stopLsn: string | null; timeline: number | null };
}

const DAY_MS = 24 * 3600 * 1000;

/** A stand for backups with a queue on a server of its own, whose clock the test sets. */
export class BackupQueueStand {
  readonly backups: BackupStand;
  readonly queue: PostgresCluster;
  readonly location: string;
  #nowMs = Date.UTC(2026, 0, 1);

  private constructor(backups: BackupStand, queue: PostgresCluster) {
    this.backups = backups;
    this.queue = queue;
    this.location = `host=${queue.machine.address} user=postgres dbname=postgres`;
  }

  /** The cluster `main`: by each of arch1 and arch2 every 4 days, of which two are kept. */
  static async create(): Promise<BackupQueueStand> {
    const backups = await BackupStand.create();
    const machine = await backups.archive.stand.machine('queue');
    const queue = await PostgresCluster.init(machine, { settings: { archive_mode: false } });
    await queue.start();
    const it = new BackupQueueStand(backups, queue);
    await it.operate('init');
    await it.setClock(0);
    const server = `host=${backups.primary.machine.address} port=${backups.primary.port} user=postgres`;
    const settings = ['--conninfo', server, '--hosts', 'arch1,arch2', '--directory', CLUSTER_DIRECTORY, '--keep', '2'];
    await it.operate('add', 'main', ...settings);
    return it;
  }

  /** Moves the queue's clock on. Sessions that are open keep their time. */
  async setClock(daysOn: number): Promise<void> {
    this.#nowMs += daysOn * DAY_MS;
    // What is a superuser's is read at the beginning of a session.
    await this.queue.sql(`ALTER ROLE postgres SET backup_queue.now = '${new Date(this.#nowMs).toISOString()}'`);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Runs backup-queue on the queue's machine. */
  async operate(...words: string[]): Promise<string> {
    return await this.queue.machine.check([`${BIN_DIRECTORY}/backup-queue`, ...words, '--queue', this.location]);
  }

  async history(): Promise<HistoryTask[]> {
    const { tasks } = JSON.parse(await this.operate('history', '--json')) as { tasks: HistoryTask[] };
    return tasks;
  }

  /** What cron starts. */
  begin(host: ArchiveHost, ...flags: string[]): Program {
    const remote = ['--remote-cmd', `${BIN_DIRECTORY}/archive_remote_cmd`];
    const words = ['--queue', this.location, '--host', host.machine.name, ...remote, ...flags];
    return host.machine.spawn([`${BIN_DIRECTORY}/base-backup`, ...words]);
  }

  async call(host: ArchiveHost, ...flags: string[]): Promise<ProgramResult> {
    const program = this.begin(host, ...flags);
    program.input.end();
    return await program.endWithin(120_000);
  }

  async close(): Promise<void> {
    await this.backups.close();
  }
}
