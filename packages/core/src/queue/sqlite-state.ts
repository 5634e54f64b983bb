import { queueStateOf, type Row } from './queue-rows.ts';
import type { QueueState, TurnState } from './queue-state.ts';
import type { SqliteDatabase, SqliteValue } from './sqlite-door.ts';
import type { TaskKind } from './task-kind.ts';

/** All that decides what is next, in five statements whatever the number of clusters. */
export function readState(database: SqliteDatabase, nowMs: number): QueueState {
  return queueStateOf({
    nowMs,
    hosts: database.all('SELECT * FROM archive_host ORDER BY name'),
    servers: database.all('SELECT * FROM source_server ORDER BY name'),
    clusters: database.all('SELECT * FROM cluster ORDER BY name'),
    schedules: database.all('SELECT * FROM schedule ORDER BY cluster, kind'),
    turns: database.all('SELECT * FROM turn ORDER BY cluster, kind, host'),
    running: database.all("SELECT * FROM task WHERE state = 'running' ORDER BY task_id"),
  });
}

/** Writes how a host stands with a schedule; nothing when the schedule is gone. */
export function writeTurn(database: SqliteDatabase, cluster: string, kind: TaskKind, turn: TurnState): void {
  insertRow(database, 'INSERT OR REPLACE', 'turn', {
    cluster,
    kind,
    host: turn.host,
    slot_at: turn.slotAtMs ?? null,
    succeeded_at: turn.succeededAtMs ?? null,
    failures: turn.failures,
    not_before: turn.notBeforeMs ?? null,
    last_error: turn.lastError ?? null,
  });
}

/** Inserts a row by its columns and returns it as it is stored. The names are ours, never a caller's. */
export function insertRow(
  database: SqliteDatabase,
  verb: 'INSERT' | 'INSERT OR REPLACE' | 'INSERT OR IGNORE',
  table: string,
  columns: Readonly<Record<string, SqliteValue>>,
): Row | undefined {
  const names = Object.keys(columns);
  const marks = names.map(() => '?').join(', ');
  const [row] = database.all(
    `${verb} INTO ${table} (${names.join(', ')}) VALUES (${marks}) RETURNING *`,
    ...Object.values(columns),
  );
  return row;
}

/** Sets columns of the rows that a condition with one value picks. */
export function updateRows(
  database: SqliteDatabase,
  table: string,
  columns: Readonly<Record<string, SqliteValue>>,
  condition: string,
  ...values: SqliteValue[]
): void {
  const names = Object.keys(columns);
  if (names.length === 0) return;
  const sets = names.map((name) => `${name} = ?`).join(', ');
  database.run(`UPDATE ${table} SET ${sets} WHERE ${condition}`, ...Object.values(columns), ...values);
}
