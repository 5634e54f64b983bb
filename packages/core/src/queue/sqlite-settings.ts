import { Failure } from '../base/failure.ts';
import type { OperatorQueue, TaskFilter } from './backup-queue.ts';
import { checkCluster, checkHost, checkSchedule, checkServer, storedConninfo } from './check-settings.ts';
import { claimFailures } from './claim-failures.ts';
import {
  type ClusterSettings,
  defaultMaxRunning,
  defaultScheduleSettings,
  type ScheduleSettings,
} from './cluster-settings.ts';
import { taskOfRow, verificationOfRow } from './queue-rows.ts';
import type { ClusterState } from './queue-state.ts';
import type { SqliteDatabase, SqliteValue } from './sqlite-door.ts';
import { insertRow, readState, updateRows, writeTurn } from './sqlite-state.ts';
import type { Task, Verification } from './task.ts';
import type { TaskKind } from './task-kind.ts';

/* What operators do, each function within one transaction of its caller. */

export function addCluster(
  database: SqliteDatabase,
  settings: ClusterSettings,
  schedules: readonly ScheduleSettings[],
  nowMs: number,
): void {
  checkCluster(settings);
  schedules.forEach(checkSchedule);
  if (database.all('SELECT 1 FROM cluster WHERE name = ?', settings.name).length > 0) {
    throw claimFailures.clusterExists(settings.name);
  }
  insertRow(database, 'INSERT', 'cluster', clusterColumns(settings));
  for (const schedule of schedules) {
    insertRow(database, 'INSERT', 'schedule', {
      cluster: settings.name,
      ...scheduleColumns(schedule),
      added_at: nowMs,
    });
  }
}

export function changeCluster(
  database: SqliteDatabase,
  name: string,
  change: Parameters<OperatorQueue['changeCluster']>[1],
  nowMs: number,
): void {
  const settings = { ...clusterOf(database, name, nowMs), ...change, name };
  checkCluster(settings);
  updateRows(database, 'cluster', clusterColumns(settings), 'name = ?', name);
}

export function changeSchedule(
  database: SqliteDatabase,
  name: string,
  kind: TaskKind,
  change: Parameters<OperatorQueue['changeSchedule']>[2],
  nowMs: number,
): void {
  const present = clusterOf(database, name, nowMs).schedules.find((schedule) => schedule.kind === kind);
  const settings = { ...(present ?? defaultScheduleSettings), ...change, kind };
  checkSchedule(settings);
  const columns = scheduleColumns(settings);
  if (present) updateRows(database, 'schedule', columns, 'cluster = ? AND kind = ?', name, kind);
  else insertRow(database, 'INSERT', 'schedule', { cluster: name, ...columns, added_at: nowMs });
}

export function removeCluster(database: SqliteDatabase, name: string, evenIfRunning: boolean, nowMs: number): void {
  clusterOf(database, name, nowMs);
  const running = database.all("SELECT 1 FROM task WHERE cluster = ? AND state = 'running'", name);
  if (running.length > 0 && !evenIfRunning) throw claimFailures.clusterRuns(name);
  const removed = { state: 'failed', ended_at: nowMs, error: 'the cluster was removed from the queue' };
  updateRows(database, 'task', removed, "cluster = ? AND state = 'running'", name);
  database.run('DELETE FROM cluster WHERE name = ?', name);
}

export function changeHost(
  database: SqliteDatabase,
  name: string,
  change: Parameters<OperatorQueue['changeHost']>[1],
): void {
  checkHost({ name, maxRunning: change.maxRunning ?? defaultMaxRunning, enabled: change.enabled ?? true });
  insertRow(database, 'INSERT OR IGNORE', 'archive_host', { name });
  const columns: Record<string, SqliteValue> = {};
  if (change.maxRunning !== undefined) columns['max_running'] = change.maxRunning;
  if (change.enabled !== undefined) columns['enabled'] = Number(change.enabled);
  updateRows(database, 'archive_host', columns, 'name = ?', name);
}

export function changeServer(
  database: SqliteDatabase,
  name: string,
  { maxRunning }: Parameters<OperatorQueue['changeServer']>[1],
): void {
  checkServer({ name, maxRunning: maxRunning ?? defaultMaxRunning });
  insertRow(database, 'INSERT OR IGNORE', 'source_server', { name, max_running: defaultMaxRunning });
  if (maxRunning !== undefined) updateRows(database, 'source_server', { max_running: maxRunning }, 'name = ?', name);
}

export function requestRun(
  database: SqliteDatabase,
  name: string,
  kind: TaskKind,
  host: string | undefined,
  nowMs: number,
): void {
  const { runNow } = scheduleOf(clusterOf(database, name, nowMs), kind, host);
  const columns = { run_now_at: runNow?.requestedAtMs ?? nowMs, run_now_host: host ?? null };
  updateRows(database, 'schedule', columns, 'cluster = ? AND kind = ?', name, kind);
}

export function forgetFailures(
  database: SqliteDatabase,
  name: string,
  kind: TaskKind,
  host: string | undefined,
  nowMs: number,
): string[] {
  const { turns } = scheduleOf(clusterOf(database, name, nowMs), kind, host);
  const failing = turns.filter((turn) => turn.failures > 0 && (host === undefined || turn.host === host));
  for (const turn of failing) {
    writeTurn(database, name, kind, { ...turn, failures: 0, notBeforeMs: undefined, lastError: undefined });
  }
  return failing.map((turn) => turn.host).sort();
}

export function readTasks(database: SqliteDatabase, filter: TaskFilter): Task[] {
  const { cluster, kind, host, states, beforeTaskId, limit = 100 } = filter;
  const conditions: string[] = ['true'];
  const values: SqliteValue[] = [];
  const add = (condition: string, ...more: SqliteValue[]) => {
    conditions.push(condition);
    values.push(...more);
  };
  if (cluster !== undefined) add('cluster = ?', cluster);
  if (kind !== undefined) add('kind = ?', kind);
  if (host !== undefined) add('host = ?', host);
  if (states !== undefined) add(`state IN (${states.map(() => '?').join(', ')})`, ...states);
  if (beforeTaskId !== undefined) add('task_id < ?', beforeTaskId);
  const rows = database.all(
    `SELECT * FROM task WHERE ${conditions.join(' AND ')} ORDER BY task_id DESC LIMIT ?`,
    ...values,
    Math.min(limit, 10_000),
  );
  return rows.map(taskOfRow);
}

export function insertVerification(database: SqliteDatabase, verification: Verification): void {
  insertRow(database, 'INSERT OR IGNORE', 'verification', {
    id: verification.id,
    task_id: verification.taskId ?? null,
    cluster: verification.cluster,
    host: verification.host,
    name: verification.name,
    method: verification.method,
    started_at: verification.startedAtMs,
    ended_at: verification.endedAtMs,
    ok: Number(verification.ok),
    error: verification.error ?? null,
    details: JSON.stringify(verification.details),
  });
}

export function readVerifications(
  database: SqliteDatabase,
  cluster: string | undefined,
  limit: number,
): Verification[] {
  return database
    .all(
      'SELECT * FROM verification WHERE cluster = ? OR ? IS NULL ORDER BY ended_at DESC, id LIMIT ?',
      cluster ?? null,
      cluster ?? null,
      Math.min(limit, 10_000),
    )
    .map(verificationOfRow);
}

function clusterColumns(settings: ClusterSettings): Record<string, SqliteValue> {
  return {
    name: settings.name,
    conninfo: storedConninfo(settings.conninfo),
    archive_hosts: JSON.stringify(settings.archiveHosts),
    directory: settings.directory,
    source_server: settings.sourceServer,
    time_zone: settings.timeZone,
    enabled: Number(settings.enabled),
  };
}

function scheduleColumns(settings: ScheduleSettings): Record<string, SqliteValue> {
  return {
    kind: settings.kind,
    periodicity_days: settings.periodicityDays,
    keep: settings.keep,
    window_from: settings.startWindow?.fromMinute ?? null,
    window_to: settings.startWindow?.toMinute ?? null,
    priority: settings.priority,
    enabled: Number(settings.enabled),
    failure_limit: settings.failureLimit,
    options: JSON.stringify(settings.options),
  };
}

function clusterOf(database: SqliteDatabase, name: string, nowMs: number): ClusterState {
  const cluster = readState(database, nowMs).clusters.find((cluster) => cluster.name === name);
  if (cluster === undefined) throw claimFailures.unknownCluster(name);
  return cluster;
}

function scheduleOf(
  cluster: ClusterState,
  kind: TaskKind,
  host: string | undefined,
): ClusterState['schedules'][number] {
  const schedule = cluster.schedules.find((schedule) => schedule.kind === kind);
  if (schedule === undefined) throw claimFailures.noSchedule(cluster.name, kind);
  if (host !== undefined && !cluster.archiveHosts.includes(host)) {
    throw new Failure('usage', `${host} is not an archive host of ${cluster.name}`, {
      hint: `Its archive hosts are ${cluster.archiveHosts.join(', ')}.`,
    });
  }
  return schedule;
}
