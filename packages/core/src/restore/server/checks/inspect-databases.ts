import { toFailure } from '../../../base/failure.ts';
import { queryOnce } from '../../../postgres/connection.ts';
import type { ServerDoor } from '../ask-replay.ts';

/** What a restored server holds, by database. */
export interface FoundDatabase {
  readonly name: string;
  readonly sizeBytes: number;
  /** Tables outside of the system's schemas, partitions included. */
  readonly tables: number;
  /** Rows by the statistics that came with the backup; undefined where there are none. */
  readonly estimatedRows: number | undefined;
  /** Why it cannot be read; undefined for one that can, and for one that lets nobody in (template0). */
  readonly problem: string | undefined;
}

export interface FoundCluster {
  readonly databases: readonly FoundDatabase[];
  readonly systemIdentifier: string;
  /** "15.14 (Debian 15.14-0+deb12u1)" */
  readonly serverVersion: string;
}

const answerWithinMs = 120_000;

/** Connects to every database that lets anybody in, and reads its catalogs. Throws when the server itself cannot be asked. */
export async function inspectDatabases(door: ServerDoor): Promise<FoundCluster> {
  const ask = (database: string, sql: string) => {
    const { socketDirectory: host, port, user } = door;
    return queryOnce({ host, port, user, database }, sql, answerWithinMs);
  };
  const [server] = await ask(
    'postgres',
    `SELECT system_identifier::text AS id, current_setting('server_version') AS version FROM pg_control_system()`,
  );
  const rows = await ask(
    'postgres',
    `SELECT datname AS name, datallowconn AS open, pg_database_size(oid)::text AS size FROM pg_database ORDER BY datname`,
  );
  const databases: FoundDatabase[] = [];
  for (const row of rows) {
    const database = { name: String(row['name']), sizeBytes: Number(row['size']), tables: 0, estimatedRows: undefined };
    databases.push(
      row['open'] === true ? { ...database, ...(await look(ask, database.name)) } : { ...database, problem: undefined },
    );
  }
  return {
    databases,
    systemIdentifier: String(server?.['id']),
    serverVersion: String(server?.['version']),
  };
}

/** Reads each row of the catalogs that every query needs: a database whose catalogs cannot be read has no tables. */
const readAll = ['pg_class', 'pg_attribute', 'pg_type', 'pg_proc', 'pg_index', 'pg_constraint', 'pg_namespace']
  .map((name) => `(SELECT count(c.*::text) FROM pg_catalog.${name} c)`)
  .join(' + ');

const tablesOfUsers = `SELECT count(*) AS tables, sum(nullif(greatest(reltuples, 0), 0))::float8 AS estimated, ${readAll} AS read
  FROM pg_catalog.pg_class
  WHERE relkind IN ('r', 'p', 'm') AND relpersistence = 'p' AND relnamespace NOT IN (SELECT oid FROM pg_catalog.pg_namespace
    WHERE nspname IN ('pg_catalog', 'information_schema') OR nspname LIKE 'pg\\_toast%' OR nspname LIKE 'pg\\_temp%')`;

async function look(
  ask: (database: string, sql: string) => Promise<Record<string, unknown>[]>,
  name: string,
): Promise<Pick<FoundDatabase, 'tables' | 'estimatedRows' | 'problem'>> {
  try {
    const [row] = await ask(name, tablesOfUsers);
    const estimated = row?.['estimated'];
    return {
      tables: Number(row?.['tables']),
      estimatedRows: typeof estimated === 'number' ? estimated : undefined,
      problem: undefined,
    };
  } catch (error) {
    return { tables: 0, estimatedRows: undefined, problem: toFailure(error).message };
  }
}

/** The database that a check without one is for: the only one that is somebody's, else `postgres`. Pure. */
export function checkDatabase(databases: readonly Pick<FoundDatabase, 'name'>[]): string {
  const own = databases
    .map(({ name }) => name)
    .filter((name) => !['postgres', 'template0', 'template1'].includes(name));
  return own.length === 1 && own[0] !== undefined ? own[0] : 'postgres';
}
