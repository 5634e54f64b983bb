/**
 * The door to SQLite: bun:sqlite in the executable, better-sqlite3 under Node, where only the conformance suite runs.
 */
import { createRequire } from 'node:module';

export type SqliteValue = string | number | null;

/** One connection. Every call is synchronous. Values go to the statement's question marks. */
export interface SqliteDatabase {
  /** Any number of statements, without values. */
  exec(sql: string): void;
  run(sql: string, ...values: SqliteValue[]): void;
  all(sql: string, ...values: SqliteValue[]): Record<string, unknown>[];
  close(): void;
}

/** What both drivers have. */
interface Driver {
  new (
    path: string,
  ): {
    exec(sql: string): unknown;
    prepare(sql: string): {
      run(...values: SqliteValue[]): unknown;
      all(...values: SqliteValue[]): unknown[];
    };
    close(): void;
  };
}

/** Opens the file, and creates it if it is not there. Throws the driver's errors, whose `code` is SQLite's ("SQLITE_BUSY"). */
export async function openSqlite(path: string): Promise<SqliteDatabase> {
  const Database = await loadDriver();
  const database = new Database(path);
  const statements = new Map<string, ReturnType<typeof database.prepare>>();
  const prepare = (sql: string) => {
    const statement = statements.get(sql) ?? database.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  return {
    exec: (sql) => void database.exec(sql),
    run: (sql, ...values) => void prepare(sql).run(...values),
    all: (sql, ...values) => prepare(sql).all(...values) as Record<string, unknown>[],
    close: () => database.close(),
  };
}

async function loadDriver(): Promise<Driver> {
  if ('Bun' in globalThis) return (await import('bun:sqlite')).Database as unknown as Driver;
  // Not an import: the build must not follow it, a native module has no place in the executable.
  return createRequire(import.meta.url)(nodeDriver) as Driver;
}

const nodeDriver = 'better-sqlite3';
