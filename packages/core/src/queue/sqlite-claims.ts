import type { Failure } from '../base/failure.ts';
import { claimFailures } from './claim-failures.ts';
import { type Choice, chooseTask, judge, Occupation } from './claim-policy.ts';
import { LOST_ERROR, lostTasks, withLostTasks } from './lost-tasks.ts';
import { type Assignment, claimOfRow, number, type Row, runningOfRow, taskStateOf } from './queue-rows.ts';
import type { QueueState, RunningTask, TurnState } from './queue-state.ts';
import { outcomeColumns } from './result-columns.ts';
import type { SqliteDatabase } from './sqlite-door.ts';
import { insertRow, readState, updateRows, writeTurn } from './sqlite-state.ts';
import type { Claim, ClaimRequest, Outcome, Progress } from './task.ts';
import { afterFailure, afterSuccess, turnOf } from './turn-policy.ts';

/* What workers do, each function within one transaction of its caller. What they throw undoes it. */

const DEFAULT_LEASE_SECONDS = 900;
const SEEN_EVERY_MS = 60_000;

export function claimTask(database: SqliteDatabase, request: ClaimRequest, nowMs: number): Claim | undefined {
  const earlier = taskOfToken(database, request.token);
  if (earlier !== undefined) {
    if (taskStateOf(earlier) !== 'running') throw claimFailures.tokenUsed();
    return claimOfRow(earlier);
  }
  noteHost(database, request.host, nowMs);
  const state = setDownLost(database, readState(database, nowMs));
  if (request.cluster !== undefined) {
    const cluster = state.clusters.find(({ name }) => name === request.cluster);
    if (cluster === undefined) throw claimFailures.unknownCluster(request.cluster);
    if (!cluster.archiveHosts.includes(request.host)) throw claimFailures.notItsHost(request.cluster, request.host);
  }
  const choice = chooseTask(state, request);
  if (choice !== undefined) return insertTask(database, request, choice, nowMs);
  if (request.force === true) throw refusalOf(state, request);
  return undefined;
}

function noteHost(database: SqliteDatabase, host: string, nowMs: number): void {
  database.run(
    'INSERT INTO archive_host (name, seen_at) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at ' +
      'WHERE archive_host.seen_at IS NULL OR excluded.seen_at - archive_host.seen_at >= ?',
    host,
    nowMs,
    SEEN_EVERY_MS,
  );
}

/** Sets down the tasks whose lease has ended, and returns the state without them. */
function setDownLost(database: SqliteDatabase, state: QueueState): QueueState {
  const after = withLostTasks(state);
  for (const { taskId, cluster, kind, host } of lostTasks(state)) {
    updateRows(database, 'task', { state: 'lost', ended_at: state.nowMs, error: LOST_ERROR }, 'task_id = ?', taskId);
    const schedule = scheduleOf(after, { cluster, kind });
    if (schedule !== undefined) writeTurn(database, cluster, kind, turnOf(schedule, host));
  }
  return after;
}

function insertTask(database: SqliteDatabase, request: ClaimRequest, choice: Choice, nowMs: number): Claim {
  const { cluster, schedule, verdict } = choice;
  const leaseSeconds = request.leaseSeconds ?? DEFAULT_LEASE_SECONDS;
  const assignment: Assignment = {
    conninfo: cluster.conninfo,
    directory: cluster.directory,
    keep: schedule.keep,
    peers: cluster.archiveHosts.filter((host) => host !== request.host),
    options: schedule.options,
  };
  if (verdict.isRunNow || request.force === true) {
    updateRows(
      database,
      'schedule',
      { run_now_at: null, run_now_host: null },
      'cluster = ? AND kind = ?',
      cluster.name,
      schedule.kind,
    );
  }
  const row = insertRow(database, 'INSERT', 'task', {
    token: request.token,
    kind: schedule.kind,
    cluster: cluster.name,
    host: request.host,
    source_server: cluster.sourceServer,
    assignment: JSON.stringify(assignment),
    state: 'running',
    due_at: verdict.dueAtMs,
    started_at: nowMs,
    heartbeat_at: nowMs,
    lease_seconds: leaseSeconds,
    lease_until: nowMs + leaseSeconds * 1000,
  });
  return claimOfRow(row ?? {});
}

/** Why a task that a person wants at once can't be had. */
function refusalOf(
  state: QueueState,
  { host, cluster: name = '', kinds: [kind = 'base'] = [] }: ClaimRequest,
): Failure {
  const cluster = state.clusters.find((cluster) => cluster.name === name);
  const schedule = cluster?.schedules.find((schedule) => schedule.kind === kind);
  if (cluster === undefined || schedule === undefined) return claimFailures.noSchedule(name, kind);
  const { obstacle = 'running' } = judge(state, new Occupation(state.running), cluster, schedule, host, true);
  return claimFailures.busy(name, host, obstacle);
}

export function renewClaim(
  database: SqliteDatabase,
  claim: Claim,
  progress: Progress | undefined,
  nowMs: number,
): number {
  const row = taskOfToken(database, claim.token);
  if (row === undefined) throw claimFailures.unknown();
  const task = revive(database, row, claim, nowMs);
  const leaseUntilMs = nowMs + number(row, 'lease_seconds') * 1000;
  const news = progress && { done_bytes: progress.doneBytes, total_bytes: progress.totalBytes ?? null };
  updateRows(database, 'task', { heartbeat_at: nowMs, lease_until: leaseUntilMs, ...news }, 'task_id = ?', task.taskId);
  return leaseUntilMs;
}

export function completeTask(database: SqliteDatabase, claim: Claim, outcome: Outcome, nowMs: number): number {
  const row = taskOfToken(database, claim.token) ?? adopt(database, claim, nowMs);
  const state = taskStateOf(row);
  if (state === outcome.state) return number(row, 'task_id');
  if (state === 'succeeded' || state === 'failed') throw claimFailures.ended(claim.cluster);
  const task = revive(database, row, claim, nowMs);
  const ended = { ended_at: nowMs, heartbeat_at: nowMs };
  updateRows(database, 'task', { ...outcomeColumns(outcome), ...ended }, 'task_id = ?', task.taskId);
  changeTurn(database, task, nowMs, (schedule) =>
    outcome.state === 'succeeded'
      ? afterSuccess(schedule, task.host, task.dueAtMs, task.startedAtMs)
      : afterFailure(turnOf(schedule, task.host), String(outcomeColumns(outcome)['error']), nowMs),
  );
  return task.taskId;
}

/** The task of a claim as running: one that was set down as lost, and that nobody took over, runs again. */
function revive(database: SqliteDatabase, row: Row, claim: Claim, nowMs: number): RunningTask {
  const task = runningOfRow(row);
  const state = taskStateOf(row);
  if (state === 'running') return task;
  if (state !== 'lost' || scheduleOf(readState(database, nowMs), task) === undefined) {
    throw claimFailures.ended(claim.cluster);
  }
  const newer = database.all(
    'SELECT 1 FROM task WHERE cluster = ? AND kind = ? AND task_id > ?',
    task.cluster,
    task.kind,
    task.taskId,
  );
  if (newer.length > 0) throw claimFailures.replaced(claim.cluster);
  updateRows(database, 'task', { state: 'running', ended_at: null, error: null }, 'task_id = ?', task.taskId);
  changeTurn(database, task, nowMs, (schedule) => withoutLastFailure(turnOf(schedule, task.host)));
  return task;
}

function withoutLastFailure(turn: TurnState): TurnState {
  const failures = Math.max(0, turn.failures - 1);
  return { ...turn, failures, notBeforeMs: undefined, lastError: failures === 0 ? undefined : turn.lastError };
}

/** Takes in a claim that the queue has lost, as running, if nobody was given its task since. */
function adopt(database: SqliteDatabase, claim: Claim, nowMs: number): Row {
  const { cluster, kind, host, conninfo, directory, keep, peers, options } = claim;
  const state = readState(database, nowMs);
  if (scheduleOf(state, claim) === undefined) throw claimFailures.unknownCluster(cluster);
  const newer = database.all(
    "SELECT 1 FROM task WHERE cluster = ? AND kind = ? AND (state = 'running' OR started_at > ?)",
    cluster,
    kind,
    claim.startedAtMs,
  );
  if (newer.length > 0) throw claimFailures.replaced(cluster);
  const row = insertRow(database, 'INSERT', 'task', {
    token: claim.token,
    kind,
    cluster,
    host,
    source_server: state.clusters.find(({ name }) => name === cluster)?.sourceServer ?? cluster,
    assignment: JSON.stringify({ conninfo, directory, keep, peers, options } satisfies Assignment),
    state: 'running',
    due_at: claim.dueAtMs,
    started_at: claim.startedAtMs,
    heartbeat_at: nowMs,
    lease_seconds: claim.leaseSeconds,
    lease_until: nowMs,
  });
  return row ?? {};
}

function changeTurn(
  database: SqliteDatabase,
  { cluster, kind }: Pick<RunningTask, 'cluster' | 'kind'>,
  nowMs: number,
  change: (schedule: NonNullable<ReturnType<typeof scheduleOf>>) => TurnState,
): void {
  const schedule = scheduleOf(readState(database, nowMs), { cluster, kind });
  if (schedule !== undefined) writeTurn(database, cluster, kind, change(schedule));
}

function scheduleOf(state: QueueState, { cluster, kind }: Pick<RunningTask, 'cluster' | 'kind'>) {
  return state.clusters.find(({ name }) => name === cluster)?.schedules.find((schedule) => schedule.kind === kind);
}

function taskOfToken(database: SqliteDatabase, token: string): Row | undefined {
  return database.all('SELECT * FROM task WHERE token = ?', token)[0];
}
