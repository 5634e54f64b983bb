import { queryOnce } from '../../../postgres/connection.ts';
import type { ServerDoor } from '../ask-replay.ts';

const answerWithinMs = 30_000;

/**
 * Databases whose text was sorted by another version of the C library or ICU than this machine has, each with both versions. Their
 * indexes on text may look damaged here, to pg_amcheck too, and be right where they come from. None before PostgreSQL 15, which does
 * not know.
 */
export async function foreignCollations({ socketDirectory, port, user }: ServerDoor): Promise<string[]> {
  const ask = (sql: string) =>
    queryOnce({ host: socketDirectory, port, user, database: 'postgres' }, sql, answerWithinMs);
  const [server] = await ask(`SELECT current_setting('server_version_num')::int AS version`);
  if (Number(server?.['version']) < 150_000) return [];
  const rows =
    await ask(`SELECT datname AS name, datcollversion AS backup, coalesce(pg_database_collation_actual_version(oid), 'unknown') AS here
    FROM pg_database
    WHERE datcollversion IS NOT NULL AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)
    ORDER BY datname`);
  return rows.map(({ name, backup, here }) => `${String(name)} (${String(backup)}, here ${String(here)})`);
}
