import { queryOnce } from '@archive2/core/postgres/connection.ts';
import type { ServerDoor } from '@archive2/core/restore/server/ask-replay.ts';

const answerWithinMs = 10_000;

/**
 * Tables that nobody can read while a server waits at its target: a transaction that had not ended there, as one that drops a table, holds
 * their locks. "postgres: public.orders"; empty where the server cannot be asked. At most 20.
 */
export async function findLocked({ socketDirectory, port, user }: ServerDoor): Promise<string[]> {
  const ask = (database: string, sql: string) =>
    queryOnce({ host: socketDirectory, port, user, database }, sql, answerWithinMs);
  try {
    const rows = await ask(
      'postgres',
      `SELECT datname AS name, array_agg(DISTINCT relation::text) AS relations FROM pg_locks JOIN pg_database d ON database = d.oid
      WHERE locktype = 'relation' AND mode = 'AccessExclusiveLock' AND granted AND relation >= 16384 GROUP BY 1`,
    );
    const found: string[] = [];
    for (const { name, relations } of rows) {
      const oids = (relations as string[]).map(Number).join(',');
      const tables = await ask(
        String(name),
        `SELECT oid::regclass::text AS table FROM pg_class WHERE oid IN (${oids}) AND relkind IN ('r', 'p', 'm') ORDER BY 1`,
      );
      found.push(...tables.map(({ table }) => `${String(name)}: ${String(table)}`));
    }
    return found.slice(0, 20);
  } catch {
    // It is a help for a person, and no condition.
    return [];
  }
}
