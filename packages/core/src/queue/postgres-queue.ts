import { systemClock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { BackupQueue, TaskFilter } from './backup-queue.ts';
import {
  checkClaimRequest,
  checkCluster,
  checkHost,
  checkSchedule,
  checkServer,
  checkUuid,
  storedConninfo,
} from './check-settings.ts';
import { claimFailures } from './claim-failures.ts';
import {
  type ClusterSettings,
  defaultMaxRunning,
  defaultScheduleSettings,
  type ScheduleSettings,
} from './cluster-settings.ts';
import { PostgresConnection, type PostgresConnectionOptions, type Query } from './postgres-connection.ts';
import { checkPostgresSchema } from './postgres-schema.ts';
import { statements } from './postgres-statements.ts';
import {
  type Assignment,
  claimOfRow,
  clusterOfRow,
  number,
  queueStateOf,
  type Row,
  scheduleOfRow,
  taskOfRow,
  text,
  verificationOfRow,
} from './queue-rows.ts';
import type { QueueState } from './queue-state.ts';
import { outcomeColumns } from './result-columns.ts';
import type { Claim, ClaimRequest, Outcome, Progress, Task, Verification } from './task.ts';
import type { TaskKind } from './task-kind.ts';

export type PostgresQueueOptions = Omit<PostgresConnectionOptions, 'clock'>;

/** The queue in PostgreSQL's schema backup_queue, for any number of archive hosts. The server has the rules of claims. */
export class PostgresQueue implements BackupQueue {
  readonly #connection: PostgresConnection;

  private constructor(connection: PostgresConnection) {
    this.#connection = connection;
  }

  /** Throws `queue_unavailable`, `queue_denied` and `queue_version` as every call. */
  static async open(options: PostgresQueueOptions): Promise<PostgresQueue> {
    const connection = new PostgresConnection({ ...options, clock: systemClock });
    try {
      await checkPostgresSchema(connection);
    } catch (error) {
      await connection.close();
      throw error;
    }
    return new PostgresQueue(connection);
  }

  async claim(request: ClaimRequest): Promise<Claim | undefined> {
    checkClaimRequest(request);
    const { token, host, kinds = ['base'], cluster, force = false, leaseSeconds = 900 } = request;
    const values = [token, host, kinds, cluster ?? null, force, leaseSeconds];
    const [row] = await this.#connection.repeatable(statements.claim, values, { cluster, host, kind: kinds[0] });
    return row && claimOfRow(row);
  }

  async heartbeat({ token, cluster }: Claim, progress?: Progress): Promise<{ leaseUntilMs: number }> {
    checkUuid(token);
    const values = [token, progress?.doneBytes ?? null, progress?.totalBytes ?? null];
    const [row = {}] = await this.#connection.repeatable(statements.heartbeat, values, { cluster });
    return { leaseUntilMs: number(row, 'lease_until') };
  }

  async complete(claim: Claim, outcome: Outcome): Promise<{ taskId: number }> {
    checkUuid(claim.token);
    const values = [JSON.stringify(claimDocument(claim)), JSON.stringify(outcomeDocument(outcome))];
    const [row = {}] = await this.#connection.repeatable(statements.complete, values, { cluster: claim.cluster });
    return { taskId: number(row, 'task_id') };
  }

  async recordVerification(verification: Verification): Promise<void> {
    checkUuid(verification.id);
    const document = {
      id: verification.id,
      task_id: verification.taskId ?? null,
      cluster: verification.cluster,
      host: verification.host,
      name: verification.name,
      method: verification.method,
      started_at: momentText(verification.startedAtMs),
      ended_at: momentText(verification.endedAtMs),
      ok: verification.ok,
      error: verification.error ?? null,
      details: verification.details,
    };
    await this.#connection.repeatable(statements.recordVerification, [JSON.stringify(document)]);
  }

  async state(): Promise<QueueState> {
    const [row = {}] = await this.#connection.repeatable(statements.state, []);
    const rows = (column: string) => row[column] as Row[];
    return queueStateOf({
      nowMs: number(row, 'now_ms'),
      hosts: rows('hosts'),
      servers: rows('servers'),
      clusters: rows('clusters'),
      schedules: rows('schedules'),
      turns: rows('turns'),
      running: rows('running'),
    });
  }

  async tasks({ cluster, kind, host, states, beforeTaskId, limit = 100 }: TaskFilter = {}): Promise<Task[]> {
    const values = [cluster, kind, host, states, beforeTaskId].map((value) => value ?? null);
    const rows = await this.#connection.repeatable(statements.tasks, [...values, Math.min(limit, 10_000)]);
    return rows.map(taskOfRow);
  }

  async verifications({ cluster, limit = 100 }: { cluster?: string; limit?: number } = {}): Promise<Verification[]> {
    const values = [cluster ?? null, Math.min(limit, 10_000)];
    return (await this.#connection.repeatable(statements.verifications, values)).map(verificationOfRow);
  }

  async addCluster(...[settings, schedules]: Parameters<BackupQueue['addCluster']>): Promise<void> {
    checkCluster(settings);
    schedules.forEach(checkSchedule);
    await this.#connection.transaction(async (query) => {
      const added = await query(statements.insertCluster, clusterValues(settings));
      if (added.length === 0) throw claimFailures.clusterExists(settings.name);
      for (const schedule of schedules) await query(statements.putSchedule, scheduleValues(settings.name, schedule));
    });
  }

  async changeCluster(...[name, change]: Parameters<BackupQueue['changeCluster']>): Promise<void> {
    await this.#connection.transaction(async (query) => {
      const settings = { ...clusterOfRow(await lockCluster(query, name), []), ...change, name };
      checkCluster(settings);
      await query(statements.updateCluster, clusterValues(settings));
    });
  }

  async changeSchedule(...[name, kind, change]: Parameters<BackupQueue['changeSchedule']>): Promise<void> {
    await this.#connection.transaction(async (query) => {
      await lockCluster(query, name);
      const rows = await query(statements.lockSchedules, [name]);
      const present = rows.map((row) => scheduleOfRow(row, [])).find((schedule) => schedule.kind === kind);
      const settings = { ...(present ?? defaultScheduleSettings), ...change, kind };
      checkSchedule(settings);
      await query(statements.putSchedule, scheduleValues(name, settings));
    });
  }

  async removeCluster(name: string, { evenIfRunning = false }: { evenIfRunning?: boolean } = {}): Promise<void> {
    const remove = (query: Query) => query(statements.removeCluster, [name, evenIfRunning]);
    await this.#connection.transaction(remove, { cluster: name });
  }

  async changeHost(...[name, change]: Parameters<BackupQueue['changeHost']>): Promise<void> {
    const { maxRunning, enabled } = change;
    checkHost({ name, maxRunning: maxRunning ?? defaultMaxRunning, enabled: enabled ?? true });
    await this.#connection.repeatable(statements.putHost, [name, maxRunning ?? null, enabled ?? null]);
  }

  async changeServer(...[name, { maxRunning }]: Parameters<BackupQueue['changeServer']>): Promise<void> {
    checkServer({ name, maxRunning: maxRunning ?? defaultMaxRunning });
    await this.#connection.repeatable(statements.putServer, [name, maxRunning ?? null]);
  }

  async runNow(name: string, kind: TaskKind, host?: string): Promise<void> {
    await this.#connection.transaction(async (query) => {
      await findSchedule(query, name, kind, host);
      await query(statements.runNow, [name, kind, host ?? null]);
    });
  }

  async retry(name: string, kind: TaskKind, host?: string): Promise<string[]> {
    return await this.#connection.transaction(async (query) => {
      await findSchedule(query, name, kind, host);
      const rows = await query(statements.retry, [name, kind, host ?? null]);
      return rows.map((row) => text(row, 'host')).sort();
    });
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }
}

async function lockCluster(query: Query, name: string): Promise<Row> {
  const [row] = await query(statements.lockCluster, [name]);
  if (row === undefined) throw claimFailures.unknownCluster(name);
  return row;
}

async function findSchedule(query: Query, name: string, kind: TaskKind, host: string | undefined): Promise<void> {
  const cluster = clusterOfRow(await lockCluster(query, name), []);
  const schedules = await query(statements.lockSchedules, [name]);
  if (!schedules.some((row) => text(row, 'kind') === kind)) throw claimFailures.noSchedule(name, kind);
  if (host !== undefined && !cluster.archiveHosts.includes(host)) {
    throw new Failure('usage', `${host} is not an archive host of ${name}`, {
      hint: `Its archive hosts are ${cluster.archiveHosts.join(', ')}.`,
    });
  }
}

function clusterValues(settings: ClusterSettings): unknown[] {
  const { name, archiveHosts, directory, sourceServer, timeZone, enabled } = settings;
  const conninfo = storedConninfo(settings.conninfo);
  return [name, conninfo, archiveHosts, directory, sourceServer, timeZone, enabled];
}

function scheduleValues(cluster: string, settings: ScheduleSettings): unknown[] {
  const { kind, periodicityDays, keep, startWindow, priority, enabled, failureLimit, options } = settings;
  const window = [startWindow?.fromMinute ?? null, startWindow?.toMinute ?? null];
  return [cluster, kind, periodicityDays, keep, ...window, priority, enabled, failureLimit, JSON.stringify(options)];
}

/** What complete() needs when the queue has lost the claim. */
function claimDocument(claim: Claim): Record<string, unknown> {
  const { token, kind, cluster, host, conninfo, directory, keep, peers, options } = claim;
  const assignment: Assignment = { conninfo, directory, keep, peers, options };
  return {
    token,
    kind,
    cluster,
    host,
    assignment,
    due_at: momentText(claim.dueAtMs),
    started_at: momentText(claim.startedAtMs),
    lease_seconds: claim.leaseSeconds,
  };
}

function outcomeDocument(outcome: Outcome): Record<string, unknown> {
  const columns = outcomeColumns(outcome);
  const details = outcome.result?.details ?? null;
  return { ...columns, details };
}

function momentText(atMs: number): string {
  return new Date(atMs).toISOString();
}
