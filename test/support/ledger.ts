import type { PostgresCluster } from './postgres-cluster.ts';
import type { PsqlSession } from './psql-session.ts';

export interface LedgerEntry {
  number: number;
  /** The server's clock just before and just after the commit. */
  begunAt: string;
  confirmedAt: string;
  /** Past the commit record. */
  lsn: string;
}

export interface LedgerDifference {
  /** Committed and confirmed, but not there: lost. */
  missing: number[];
  /** There, but never tried; a try that got no confirmation may be there or not. */
  unexpected: number[];
}

const NOW = "to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US+00')";

/** A table of numbered rows, each its own transaction, and beside it the test's own record of what was confirmed. */
export class Ledger {
  #cluster: PostgresCluster;
  readonly #entries: LedgerEntry[] = [];
  #session: PsqlSession;
  #tried = 0;

  private constructor(cluster: PostgresCluster) {
    this.#cluster = cluster;
    this.#session = cluster.session();
  }

  static async create(cluster: PostgresCluster): Promise<Ledger> {
    await cluster.sql('CREATE TABLE ledger (number bigint PRIMARY KEY, padding text)');
    return new Ledger(cluster);
  }

  /** What the server has confirmed, in order. */
  get confirmed(): readonly LedgerEntry[] {
    return this.#entries;
  }

  /** Commits one more row. `paddingBytes` of incompressible text fill the WAL. @throws Error when not confirmed. */
  async append({ paddingBytes = 0 }: { paddingBytes?: number } = {}): Promise<LedgerEntry> {
    this.#tried += 1;
    const number = this.#tried;
    const [begunAt = ''] = await this.#session.query(`SELECT ${NOW}`);
    const padding = `(SELECT string_agg(md5(random()::text), '') FROM generate_series(1, ${Math.ceil(paddingBytes / 32)}))`;
    await this.#session.query(`INSERT INTO ledger VALUES (${number}, ${padding})`);
    const [after = ''] = await this.#session.query(`SELECT ${NOW}, pg_current_wal_insert_lsn()`);
    const [confirmedAt = '', lsn = ''] = after.split('|');
    const entry = { number, begunAt, confirmedAt, lsn };
    this.#entries.push(entry);
    return entry;
  }

  /** Commits rows until it is stopped or the server fails; `stop` returns how many were confirmed in all. */
  run(options: { paddingBytes?: number } = {}): { stop: () => Promise<number> } {
    const stopping = new AbortController();
    const work = (async () => {
      while (!stopping.signal.aborted) {
        await this.append(options);
      }
      // A server that was killed under the load is the point of many tests: what it confirmed is on record.
    })().catch(() => undefined);
    return {
      stop: async () => {
        stopping.abort();
        await work;
        return this.#entries.length;
      },
    };
  }

  /** Goes on with the cluster after a restart. */
  async reconnect(): Promise<void> {
    await this.#session.close();
    this.#session = this.#cluster.session();
  }

  /** Goes on with the server that took over. */
  async moveTo(cluster: PostgresCluster): Promise<void> {
    await this.#session.close();
    this.#cluster = cluster;
    this.#session = cluster.session();
  }

  /**
   * Compares a cluster's rows with the record: all of it, or the first `upTo` confirmed rows, after which nothing
   * more may be there. A restore is right when both lists are empty.
   */
  async difference(cluster: PostgresCluster, { upTo }: { upTo?: number } = {}): Promise<LedgerDifference> {
    const rows = new Set((await cluster.sql('SELECT number FROM ledger ORDER BY number')).map(Number));
    const expected = this.#entries.filter(({ number }) => upTo === undefined || number <= upTo);
    const last = upTo ?? this.#tried;
    return {
      missing: expected.map(({ number }) => number).filter((number) => !rows.has(number)),
      unexpected: [...rows].filter((number) => number > last),
    };
  }

  async close(): Promise<void> {
    await this.#session.close();
  }
}
