import { existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import type { BackupQueue, TaskFilter } from './backup-queue.ts';
import { checkClaimRequest, checkUuid } from './check-settings.ts';
import { claimTask, completeTask, renewClaim } from './sqlite-claims.ts';
import { SqliteConnection } from './sqlite-connection.ts';
import { checkSqliteSchema, migrateSqlite, sqliteScript } from './sqlite-schema.ts';
import * as settings from './sqlite-settings.ts';
import { readState } from './sqlite-state.ts';
import type { Claim, ClaimRequest, Outcome, Progress, Task, Verification } from './task.ts';
import type { TaskKind } from './task-kind.ts';

export interface SqliteQueueOptions {
  /** The queue's clock. */
  clock?: Clock;
  /** For a lock that another process holds; default 10 seconds. */
  lockTimeoutMs?: number;
}

/** The queue in a file, for a site with one archive host. Every command opens it, does its work, and closes it. */
export class SqliteQueue implements BackupQueue {
  readonly #connection: SqliteConnection;
  readonly #clock: Clock;

  private constructor(connection: SqliteConnection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
  }

  /** Makes the file (0600), or brings its schema up to this program's; returns the steps taken. Idempotent. */
  static async init(
    path: string,
    { clock = systemClock, lockTimeoutMs = 10_000 }: SqliteQueueOptions = {},
  ): Promise<string[]> {
    await createEmptyFile(path);
    const connection = await SqliteConnection.open(path, clock, lockTimeoutMs);
    try {
      return await migrateSqlite(connection, clock.nowMs());
    } finally {
      connection.close();
      await syncDirectory(dirname(path));
    }
  }

  /** The SQL of the steps that `init` would take. Changes nothing. */
  static async script(path: string): Promise<string> {
    if (!existsSync(path)) return await sqliteScript(undefined);
    const connection = await SqliteConnection.open(path, systemClock, 10_000);
    try {
      return await sqliteScript(connection);
    } finally {
      connection.close();
    }
  }

  /** Throws `queue_version` when there is no such queue, or not one that this program can use, and `queue_unavailable`. */
  static async open(
    path: string,
    { clock = systemClock, lockTimeoutMs = 10_000 }: SqliteQueueOptions = {},
  ): Promise<SqliteQueue> {
    if (!existsSync(path)) {
      throw new Failure('queue_version', `there is no queue ${path}`, { hint: 'Run "backup-queue init".' });
    }
    const connection = await SqliteConnection.open(path, clock, lockTimeoutMs);
    try {
      await checkSqliteSchema(connection);
    } catch (error) {
      connection.close();
      throw error;
    }
    return new SqliteQueue(connection, clock);
  }

  async claim(request: ClaimRequest): Promise<Claim | undefined> {
    checkClaimRequest(request);
    return await this.#connection.write((database) => claimTask(database, request, this.#clock.nowMs()));
  }

  async heartbeat(claim: Claim, progress?: Progress): Promise<{ leaseUntilMs: number }> {
    const leaseUntilMs = await this.#connection.write((database) =>
      renewClaim(database, claim, progress, this.#clock.nowMs()),
    );
    return { leaseUntilMs };
  }

  async complete(claim: Claim, outcome: Outcome): Promise<{ taskId: number }> {
    checkUuid(claim.token);
    const taskId = await this.#connection.write((database) =>
      completeTask(database, claim, outcome, this.#clock.nowMs()),
    );
    return { taskId };
  }

  async recordVerification(verification: Verification): Promise<void> {
    checkUuid(verification.id);
    await this.#connection.write((database) => settings.insertVerification(database, verification));
  }

  async state() {
    return await this.#connection.read((database) => readState(database, this.#clock.nowMs()));
  }

  async tasks(filter: TaskFilter = {}): Promise<Task[]> {
    return await this.#connection.read((database) => settings.readTasks(database, filter));
  }

  async verifications({ cluster, limit = 100 }: { cluster?: string; limit?: number } = {}): Promise<Verification[]> {
    return await this.#connection.read((database) => settings.readVerifications(database, cluster, limit));
  }

  async addCluster(...[cluster, schedules]: Parameters<BackupQueue['addCluster']>): Promise<void> {
    await this.#connection.write((database) => settings.addCluster(database, cluster, schedules, this.#clock.nowMs()));
  }

  async changeCluster(...[name, change]: Parameters<BackupQueue['changeCluster']>): Promise<void> {
    await this.#connection.write((database) => settings.changeCluster(database, name, change, this.#clock.nowMs()));
  }

  async changeSchedule(...[name, kind, change]: Parameters<BackupQueue['changeSchedule']>): Promise<void> {
    await this.#connection.write((database) =>
      settings.changeSchedule(database, name, kind, change, this.#clock.nowMs()),
    );
  }

  async removeCluster(name: string, { evenIfRunning = false }: { evenIfRunning?: boolean } = {}): Promise<void> {
    await this.#connection.write((database) =>
      settings.removeCluster(database, name, evenIfRunning, this.#clock.nowMs()),
    );
  }

  async changeHost(...[name, change]: Parameters<BackupQueue['changeHost']>): Promise<void> {
    await this.#connection.write((database) => settings.changeHost(database, name, change));
  }

  async changeServer(...[name, change]: Parameters<BackupQueue['changeServer']>): Promise<void> {
    await this.#connection.write((database) => settings.changeServer(database, name, change));
  }

  async runNow(name: string, kind: TaskKind, host?: string): Promise<void> {
    await this.#connection.write((database) => settings.requestRun(database, name, kind, host, this.#clock.nowMs()));
  }

  async retry(name: string, kind: TaskKind, host?: string): Promise<string[]> {
    return await this.#connection.write((database) =>
      settings.forgetFailures(database, name, kind, host, this.#clock.nowMs()),
    );
  }

  async close(): Promise<void> {
    this.#connection.close();
    await Promise.resolve();
  }
}

async function createEmptyFile(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return;
    throw new Failure('queue_unavailable', `the queue ${path} cannot be made: ${systemErrorCode(error) ?? 'error'}`, {
      hint: 'Its directory must exist, and belong to the account that runs base-backup.',
      cause: error,
    });
  }
}
