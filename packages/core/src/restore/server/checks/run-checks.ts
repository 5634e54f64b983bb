import type { Clock } from '../../../base/clock.ts';
import { toFailure } from '../../../base/failure.ts';
import { type Connection, openConnection } from '../../../postgres/connection.ts';
import type { ServerDoor } from '../ask-replay.ts';
import type { Check, CheckResult } from './check.ts';
import { type Answer, judgeAnswer } from './judge-answer.ts';

export interface CheckRun {
  readonly door: ServerDoor;
  /** For a check that names none. */
  readonly database: string;
  /** What checks may ask for by current_setting('archive2.…'). */
  readonly facts: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** As many rows as a failed check keeps; one more is read, to know that there are several. */
const rowLimit = 20;
const connectWithinMs = 10_000;
/** Beyond the server's own statement_timeout, for its answer to arrive. */
const graceMs = 10_000;

/** Asks one check after the other; nothing that one of them does stops the next. Throws the reason of `signal` only. */
export async function runChecks(checks: readonly Check[], run: CheckRun): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for (const check of checks) {
    run.signal.throwIfAborted();
    results.push(await runCheck(check, run));
  }
  return results;
}

async function runCheck(check: Check, run: CheckRun): Promise<CheckResult> {
  const { name } = check;
  const begunMs = run.clock.monotonicMs();
  try {
    const answer = await ask(check, run);
    const verdict = judgeAnswer(answer, check);
    const evidence = verdict.ok ? [] : answer.rows.slice(0, rowLimit).map(describeRow);
    const problem = verdict.ok ? undefined : verdict.problem;
    return {
      name,
      ok: verdict.ok,
      value: verdict.value,
      problem,
      elapsedMs: run.clock.monotonicMs() - begunMs,
      evidence,
    };
  } catch (error) {
    run.signal.throwIfAborted();
    const problem = toFailure(error).message;
    return { name, ok: false, value: undefined, problem, elapsedMs: run.clock.monotonicMs() - begunMs, evidence: [] };
  }
}

async function ask(check: Check, { door, database, facts, signal }: CheckRun): Promise<Answer> {
  const { socketDirectory: host, port, user } = door;
  const connection = await openConnection({
    host,
    port,
    user,
    database: check.database ?? database,
    application_name: 'archive2 check',
    connectionTimeoutMillis: connectWithinMs,
    query_timeout: check.timeoutMs + graceMs,
  });
  const abort = () => void connection.end().catch(() => undefined);
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await askOver(connection, check, facts);
  } finally {
    signal.removeEventListener('abort', abort);
    await connection.end().catch(() => undefined);
  }
}

/** By a cursor, so that a statement with millions of rows gives a few of them; prepared, so that it is one statement. */
async function askOver(connection: Connection, check: Check, facts: CheckRun['facts']): Promise<Answer> {
  for (const [name, value] of Object.entries(facts)) {
    await connection.query('SELECT set_config($1, $2, false)', [`archive2.${name}`, value]);
  }
  await connection.query('SELECT set_config($1, $2, false)', ['statement_timeout', String(check.timeoutMs)]);
  await connection.query('SET cursor_tuple_fraction = 1');
  await connection.query('BEGIN READ ONLY');
  // The types of the driver do not know it; without it a text may hold several statements.
  const declare = { text: `DECLARE checked NO SCROLL CURSOR FOR ${check.sql}`, queryMode: 'extended' };
  await connection.query(declare);
  const fetch = { text: `FETCH ${rowLimit + 1} FROM checked`, rowMode: 'array' as const, types: asText };
  const { rows, fields } = await connection.query<(string | null)[]>(fetch);
  return { columnTypes: fields.map(({ dataTypeID }) => dataTypeID), rows };
}

/** Values as PostgreSQL writes them. */
const asText = { getTypeParser: () => (value: string) => value };

function describeRow(row: readonly (string | null)[]): string {
  return row.map((value) => value?.slice(0, 200) ?? 'null').join(' | ');
}
