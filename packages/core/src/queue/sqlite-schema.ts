import { type AppliedMigration, checkMigrations, missingMigrations } from './migration.ts';
import { number, text } from './queue-rows.ts';
import type { SqliteConnection } from './sqlite-connection.ts';
import type { SqliteDatabase } from './sqlite-door.ts';
import { sqliteMigrations } from './sqlite-migrations.ts';

/** Makes the schema, or brings it up to this program's; returns the names of the steps taken. Idempotent. */
export async function migrateSqlite(connection: SqliteConnection, nowMs: number): Promise<string[]> {
  return await connection.write((database) => {
    database.exec(
      'CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL, is_breaking INTEGER NOT NULL, ' +
        'applied_at INTEGER NOT NULL) STRICT',
    );
    const missing = missingMigrations(sqliteMigrations, appliedTo(database));
    for (const migration of missing) {
      database.exec(migration.sql);
      database.run(
        'INSERT INTO migration VALUES (?, ?, ?, ?)',
        migration.number,
        migration.name,
        Number(migration.isBreaking),
        nowMs,
      );
    }
    return missing.map(({ name }) => name);
  });
}

/** The SQL of the steps that `migrateSqlite` would take. Changes nothing; `connection`: undefined for a file that is not there. */
export async function sqliteScript(connection: SqliteConnection | undefined): Promise<string> {
  const missing = missingMigrations(sqliteMigrations, connection === undefined ? [] : await connection.read(appliedTo));
  return missing.map(({ sql }) => sql).join('\n');
}

/** Throws `queue_version` unless this program can work with the schema. */
export async function checkSqliteSchema(connection: SqliteConnection): Promise<void> {
  checkMigrations(sqliteMigrations, await connection.read(appliedTo));
}

function appliedTo(database: SqliteDatabase): AppliedMigration[] {
  const tables = database.all("SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'migration'");
  if (tables.length === 0) return [];
  return database.all('SELECT number, name, is_breaking FROM migration').map((row) => ({
    number: number(row, 'number'),
    name: text(row, 'name'),
    isBreaking: number(row, 'is_breaking') === 1,
  }));
}
