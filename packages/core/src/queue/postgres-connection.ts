import type { Clock } from '../base/clock.ts';
import { withDeadline } from '../base/deadline.ts';
import { type ConnectSettings, connect } from '../postgres/connect.ts';
import type { Connection } from '../postgres/connection.ts';
import type { Conninfo } from '../postgres/conninfo.ts';
import { queueFailure, type Subject, secondTry } from './postgres-failure.ts';
import { describeLocation } from './queue-location.ts';
import type { Row } from './queue-rows.ts';

/** Limits of each statement, in milliseconds: for a row that somebody else holds, for all of it, and by our own clock. */
export interface Patience {
  lockMs: number;
  statementMs: number;
  /** For a call with all its tries; then `queue_unavailable`. */
  callMs: number;
}

export const defaultPatience: Patience = { lockMs: 3_000, statementMs: 10_000, callMs: 20_000 };

const RETRY_MS = 200;
const GOODBYE_MS = 1_000;

export interface PostgresConnectionOptions {
  conninfo: Conninfo;
  settings: Omit<ConnectSettings, 'queryTimeoutMs' | 'wish'>;
  /** For deadlines and pauses only: the queue's clock is the server's. */
  clock: Clock;
  patience: Patience;
  /** What the queue shall take for now, for rehearsals; only a superuser is listened to. */
  rehearsedNowMs?: (() => number) | undefined;
}

export type Query = (sql: string, values?: readonly unknown[]) => Promise<Row[]>;

/**
 * The way to a queue in PostgreSQL: one connection, opened when it is needed and again when it is lost. Only a server that can be
 * written to will do, so that a list of hosts follows a failover.
 */
export class PostgresConnection {
  readonly #options: PostgresConnectionOptions;
  readonly #where: string;
  #connection: Connection | undefined;

  constructor(options: PostgresConnectionOptions) {
    this.#options = options;
    this.#where = `queue, ${describeLocation({ kind: 'postgres', conninfo: options.conninfo })}`;
  }

  /**
   * Runs one statement that may be run twice: a lost connection, a lock that is not free, a deadlock are tried again within the
   * patience. Throws the queue's failures.
   */
  async repeatable(sql: string, values: readonly unknown[], subject: Subject = {}): Promise<Row[]> {
    return await this.#try((query) => query(sql, values), true, subject);
  }

  /**
   * Runs work as one transaction. When the connection is lost while it runs, it is not known what became of it: that is thrown.
   * What cannot have happened is tried again. Throws the queue's failures.
   */
  async transaction<T>(work: (query: Query) => Promise<T>, subject: Subject = {}): Promise<T> {
    const inTransaction = async (query: Query) => {
      await query('BEGIN');
      const result = await work(query);
      await query('COMMIT');
      return result;
    };
    return await this.#try(inTransaction, false, subject);
  }

  async close(): Promise<void> {
    await this.#drop();
  }

  async #try<T>(work: (query: Query) => Promise<T>, isRepeatable: boolean, subject: Subject): Promise<T> {
    const { clock, patience } = this.#options;
    const giveUpMs = clock.monotonicMs() + patience.callMs;
    for (;;) {
      let isConnected = false;
      try {
        const connection = await this.#connect();
        isConnected = true;
        await this.#rehearse(connection);
        return await work(async (sql, values = []) => {
          // With values it is one statement, without any number of them.
          const { rows } = await (values.length > 0
            ? connection.query<Row>(sql, [...values])
            : connection.query<Row>(sql));
          return rows;
        });
      } catch (error) {
        // Whatever state it is in, with a transaction or half an answer: the next try begins with a new one.
        await this.#drop();
        const chance = secondTry(error);
        const mayTry =
          chance === 'nothing_happened' || (chance === 'may_have_happened' && (isRepeatable || !isConnected));
        if (!mayTry || clock.monotonicMs() + RETRY_MS >= giveUpMs) throw queueFailure(error, this.#where, subject);
        await clock.sleep(RETRY_MS);
      }
    }
  }

  async #connect(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const { conninfo, settings, patience } = this.#options;
    const connection = await connect(conninfo, {
      ...settings,
      wish: 'read-write',
      queryTimeoutMs: patience.statementMs + 2_000,
    });
    this.#connection = connection;
    // synchronous_commit: an answer that a failover or a crash takes back would be none.
    await connection.query(
      `SET lock_timeout = ${patience.lockMs}; SET statement_timeout = ${patience.statementMs}; ` +
        `SET idle_in_transaction_session_timeout = ${patience.statementMs * 2}; SET search_path = pg_catalog; ` +
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'",
    );
    return connection;
  }

  async #rehearse(connection: Connection): Promise<void> {
    const nowMs = this.#options.rehearsedNowMs?.();
    if (nowMs === undefined) return;
    const values = [new Date(nowMs).toISOString()];
    await connection.query(`SELECT set_config('backup_queue.now', $1, false)`, values);
  }

  async #drop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    // It may be the very connection that is broken: nobody waits for its goodbye.
    if (connection === undefined) return;
    const goodbye = connection.end().catch(() => undefined);
    await withDeadline(goodbye, GOODBYE_MS, () => new Error('no goodbye')).catch(() => undefined);
  }
}
