import { setTimeout as pause } from 'node:timers/promises';
import type { PostgresCluster } from '../../test/support/postgres-cluster.ts';
import type { PsqlSession } from '../../test/support/psql-session.ts';
import { waitFor } from '../../test/support/wait-for.ts';

const INTERVAL_MS = 20;

interface Sample {
  atMs: number;
  archived: number;
}

/** Watches how archive_command succeeds, as PostgreSQL counts it: how many files, and the longest pause between two. */
export class ArchivingWatch {
  readonly #session: PsqlSession;
  /** One for each change. */
  readonly #changes: Sample[] = [{ atMs: performance.now(), archived: 0 }];
  #isStopped = false;
  readonly #work: Promise<void>;
  #failure: unknown;

  constructor(primary: PostgresCluster) {
    this.#session = primary.session();
    this.#work = this.#watch().catch((error: unknown) => {
      this.#failure = error;
    });
  }

  get archived(): number {
    return this.#changes.at(-1)?.archived ?? 0;
  }

  /** Returns when so many more files were archived. @throws Error after the deadline, or when PostgreSQL is gone. */
  async more(files: number, timeoutMs = 30_000): Promise<void> {
    const goal = this.archived + files;
    const what = `PostgreSQL to archive ${files} more files (it has archived ${this.archived})`;
    await waitFor(() => this.#failure !== undefined || this.archived >= goal, { what, timeoutMs });
    if (this.#failure !== undefined) throw new Error('PostgreSQL does not answer any more', { cause: this.#failure });
  }

  /** The longest time without a success that was under way at `sinceMs` or began later, in milliseconds. */
  longestPauseMs(sinceMs: number): number {
    const before = this.#changes.findLast(({ atMs }) => atMs < sinceMs);
    const times = [before?.atMs ?? sinceMs, ...this.#changes.map(({ atMs }) => atMs).filter((atMs) => atMs >= sinceMs)];
    const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? atMs));
    return Math.max(0, ...gaps);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#work;
    await this.#session.close();
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      const archived = Number((await this.#session.query('SELECT archived_count FROM pg_stat_archiver'))[0]);
      if (archived !== this.archived) this.#changes.push({ atMs: performance.now(), archived });
      await pause(INTERVAL_MS);
    }
  }
}
