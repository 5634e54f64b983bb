import { tryParseLsn } from '../wal/lsn.ts';
import { timelineFromNumber } from '../wal/timeline-id.ts';
import type { ServerSettings } from './cluster-settings.ts';
import type { ClusterState, HostState, QueueState, RunningTask, ScheduleState, TurnState } from './queue-state.ts';
import type { Claim, Progress, Task, TaskResult, TaskState, Verification } from './task.ts';
import { parseTaskKind } from './task-kind.ts';

/*
 * What the stores' rows mean. Both name their columns alike and give times as milliseconds; SQLite has numbers for truth values
 * and text for JSON, the PostgreSQL driver text for large numbers.
 */

export type Row = Readonly<Record<string, unknown>>;

export interface StateRows {
  nowMs: number;
  hosts: readonly Row[];
  servers: readonly Row[];
  clusters: readonly Row[];
  schedules: readonly Row[];
  turns: readonly Row[];
  running: readonly Row[];
}

export function queueStateOf(rows: StateRows): QueueState {
  const key = (row: Row) => `${text(row, 'cluster')}/${text(row, 'kind')}`;
  const turns = groupRows(rows.turns, key);
  const schedules = groupRows(rows.schedules, (row) => text(row, 'cluster'));
  return {
    nowMs: rows.nowMs,
    hosts: rows.hosts.map(hostOfRow),
    servers: rows.servers.map(serverOfRow),
    clusters: rows.clusters.map((row) => {
      const own = schedules.get(text(row, 'name')) ?? [];
      return clusterOfRow(
        row,
        own.map((schedule) => scheduleOfRow(schedule, (turns.get(key(schedule)) ?? []).map(turnOfRow))),
      );
    }),
    running: rows.running.map(runningOfRow),
  };
}

/** Map.groupBy, which Node 20 does not have. */
function groupRows(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = keyOf(row);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  return groups;
}

function hostOfRow(row: Row): HostState {
  return {
    name: text(row, 'name'),
    maxRunning: number(row, 'max_running'),
    enabled: truth(row, 'enabled'),
    seenAtMs: optionalNumber(row, 'seen_at'),
  };
}

function serverOfRow(row: Row): ServerSettings {
  return { name: text(row, 'name'), maxRunning: number(row, 'max_running') };
}

export function clusterOfRow(row: Row, schedules: ScheduleState[]): ClusterState {
  return {
    name: text(row, 'name'),
    conninfo: text(row, 'conninfo'),
    archiveHosts: json(row, 'archive_hosts') as string[],
    directory: text(row, 'directory'),
    sourceServer: text(row, 'source_server'),
    timeZone: text(row, 'time_zone'),
    enabled: truth(row, 'enabled'),
    schedules,
  };
}

export function scheduleOfRow(row: Row, turns: TurnState[]): ScheduleState {
  const fromMinute = optionalNumber(row, 'window_from');
  const toMinute = optionalNumber(row, 'window_to');
  const requestedAtMs = optionalNumber(row, 'run_now_at');
  return {
    kind: parseTaskKind(text(row, 'kind')),
    periodicityDays: number(row, 'periodicity_days'),
    keep: number(row, 'keep'),
    startWindow: fromMinute === undefined || toMinute === undefined ? undefined : { fromMinute, toMinute },
    priority: number(row, 'priority'),
    enabled: truth(row, 'enabled'),
    failureLimit: number(row, 'failure_limit'),
    options: json(row, 'options') as Record<string, string>,
    addedAtMs: number(row, 'added_at'),
    runNow: requestedAtMs === undefined ? undefined : { requestedAtMs, host: optionalText(row, 'run_now_host') },
    turns,
  };
}

function turnOfRow(row: Row): TurnState {
  return {
    host: text(row, 'host'),
    slotAtMs: optionalNumber(row, 'slot_at'),
    succeededAtMs: optionalNumber(row, 'succeeded_at'),
    failures: number(row, 'failures'),
    notBeforeMs: optionalNumber(row, 'not_before'),
    lastError: optionalText(row, 'last_error'),
  };
}

export function runningOfRow(row: Row): RunningTask {
  return {
    taskId: number(row, 'task_id'),
    kind: parseTaskKind(text(row, 'kind')),
    cluster: text(row, 'cluster'),
    host: text(row, 'host'),
    sourceServer: text(row, 'source_server'),
    dueAtMs: number(row, 'due_at'),
    startedAtMs: number(row, 'started_at'),
    heartbeatAtMs: number(row, 'heartbeat_at'),
    leaseUntilMs: number(row, 'lease_until'),
    progress: progressOf(row),
  };
}

function progressOf(row: Row): Progress | undefined {
  const doneBytes = optionalNumber(row, 'done_bytes');
  return doneBytes === undefined ? undefined : { doneBytes, totalBytes: optionalNumber(row, 'total_bytes') };
}

export function taskStateOf(row: Row): TaskState {
  return text(row, 'state') as TaskState;
}

export function taskOfRow(row: Row): Task {
  return {
    ...runningOfRow(row),
    state: taskStateOf(row),
    endedAtMs: optionalNumber(row, 'ended_at'),
    error: optionalText(row, 'error'),
    result: resultOfRow(row),
  };
}

/** The columns of a result, in the names of TaskResult. */
function resultOfRow(row: Row): TaskResult {
  const startLsn = optionalText(row, 'start_lsn');
  const stopLsn = optionalText(row, 'stop_lsn');
  const timeline = optionalNumber(row, 'timeline');
  const result: Record<keyof TaskResult, unknown> = {
    name: optionalText(row, 'name'),
    sourceBytes: optionalNumber(row, 'source_bytes'),
    storedBytes: optionalNumber(row, 'stored_bytes'),
    startLsn: startLsn === undefined ? undefined : tryParseLsn(startLsn),
    stopLsn: stopLsn === undefined ? undefined : tryParseLsn(stopLsn),
    timeline: timeline === undefined ? undefined : timelineFromNumber(timeline),
    systemIdentifier: optionalText(row, 'system_identifier'),
    serverVersion: optionalNumber(row, 'server_version'),
    toolVersion: optionalText(row, 'tool_version'),
    basedOnTaskId: optionalNumber(row, 'based_on_task_id'),
    details: row['details'] === null || row['details'] === undefined ? undefined : json(row, 'details'),
  };
  return Object.fromEntries(Object.entries(result).filter(([, value]) => value !== undefined));
}

/** What a claim holds beside the task's own columns, as it was when the task was given out. */
export type Assignment = Pick<Claim, 'conninfo' | 'directory' | 'keep' | 'peers' | 'options'>;

export function claimOfRow(row: Row): Claim {
  const { taskId, kind, cluster, host, dueAtMs, startedAtMs, leaseUntilMs } = runningOfRow(row);
  const { conninfo, directory, keep, peers, options } = json(row, 'assignment') as Assignment;
  return {
    taskId,
    token: text(row, 'token'),
    kind,
    cluster,
    host,
    conninfo,
    directory,
    keep,
    peers,
    options,
    dueAtMs,
    startedAtMs,
    leaseSeconds: number(row, 'lease_seconds'),
    leaseUntilMs,
  };
}

export function verificationOfRow(row: Row): Verification {
  return {
    id: text(row, 'id'),
    taskId: optionalNumber(row, 'task_id'),
    cluster: text(row, 'cluster'),
    host: text(row, 'host'),
    name: text(row, 'name'),
    method: text(row, 'method'),
    startedAtMs: number(row, 'started_at'),
    endedAtMs: number(row, 'ended_at'),
    ok: truth(row, 'ok'),
    error: optionalText(row, 'error'),
    details: json(row, 'details') as Verification['details'],
  };
}

export function text(row: Row, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw new TypeError(`column ${column} of the queue is ${typeof value}, not text`);
  return value;
}

function optionalText(row: Row, column: string): string | undefined {
  return row[column] === null || row[column] === undefined ? undefined : text(row, column);
}

export function number(row: Row, column: string): number {
  const value = Number(row[column] ?? Number.NaN);
  if (Number.isNaN(value)) throw new TypeError(`column ${column} of the queue is not a number`);
  return value;
}

function optionalNumber(row: Row, column: string): number | undefined {
  return row[column] === null || row[column] === undefined ? undefined : number(row, column);
}

function truth(row: Row, column: string): boolean {
  return row[column] === true || row[column] === 1;
}

function json(row: Row, column: string): unknown {
  const value = row[column];
  return typeof value === 'string' ? JSON.parse(value) : value;
}
