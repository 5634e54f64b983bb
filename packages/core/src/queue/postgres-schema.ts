import { Failure } from '../base/failure.ts';
import { type AppliedMigration, checkMigrations, type Migration, missingMigrations } from './migration.ts';
import type { PostgresConnection } from './postgres-connection.ts';
import { postgresMigrations } from './postgres-migrations.ts';
import { statements } from './postgres-statements.ts';
import { number, type Row, text } from './queue-rows.ts';

/**
 * Roles belong to the server, not to the database: another queue of the same server has the same. backup_queue_owner owns the
 * schema and nobody logs in as it, so a flaw in a function would give away the queue, not the server.
 */
const prepareSchema = `
  DO $$
  DECLARE
    wanted text;
  BEGIN
    -- Two at once would both find the roles missing.
    PERFORM pg_advisory_xact_lock(hashtext('backup_queue'));
    FOREACH wanted IN ARRAY ARRAY['backup_queue_owner', 'backup_queue_worker', 'backup_queue_operator', 'backup_queue_monitor'] LOOP
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      END IF;
    END LOOP;
    IF NOT pg_has_role('backup_queue_owner', 'MEMBER') THEN
      EXECUTE format('GRANT backup_queue_owner TO %I', current_user);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'backup_queue') THEN
      CREATE SCHEMA backup_queue AUTHORIZATION backup_queue_owner;
    END IF;
  END $$;
  SET LOCAL ROLE backup_queue_owner;
  CREATE TABLE IF NOT EXISTS backup_queue.migration (
    number integer PRIMARY KEY,
    name text NOT NULL,
    is_breaking boolean NOT NULL,
    applied_at timestamptz(3) NOT NULL DEFAULT now()
  );
  CREATE OR REPLACE FUNCTION backup_queue.migrations() RETURNS SETOF backup_queue.migration
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = backup_queue, pg_temp AS 'SELECT * FROM migration';`;

const openToItsRoles = `
  REVOKE ALL ON FUNCTION backup_queue.migrations() FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION backup_queue.migrations() TO backup_queue_worker, backup_queue_operator, backup_queue_monitor`;

/**
 * Makes the schema and its roles, or brings it up to this program's; returns the names of the steps taken. Idempotent. For a
 * superuser, or the database's owner with CREATEROLE.
 */
export async function migratePostgres(connection: PostgresConnection): Promise<string[]> {
  return await connection.transaction(async (query) => {
    await query(prepareSchema);
    const missing = missingMigrations(postgresMigrations, appliedOf(await query(statements.migrations)));
    for (const migration of missing) {
      await query(migration.sql);
      await query('INSERT INTO backup_queue.migration (number, name, is_breaking) VALUES ($1, $2, $3)', [
        migration.number,
        migration.name,
        migration.isBreaking,
      ]);
    }
    await query(openToItsRoles);
    return missing.map(({ name }) => name);
  });
}

/** The SQL of all that `migratePostgres` would do now, as a script for psql. Changes nothing. */
export async function postgresScript(connection: PostgresConnection): Promise<string> {
  const missing = missingMigrations(postgresMigrations, await readApplied(connection));
  const record = ({ number, name, isBreaking }: Migration) =>
    `INSERT INTO backup_queue.migration (number, name, is_breaking) VALUES (${number}, '${name}', ${isBreaking});`;
  const steps = missing.flatMap((migration) => [migration.sql.trimEnd(), record(migration)]);
  return `${['BEGIN;', prepareSchema, ...steps, `${openToItsRoles};`, 'COMMIT;'].join('\n')}\n`;
}

/** None when there is no queue. */
async function readApplied(connection: PostgresConnection): Promise<AppliedMigration[]> {
  try {
    return appliedOf(await connection.repeatable(statements.migrations, []));
  } catch (error) {
    if (error instanceof Failure && error.code === 'queue_version') return [];
    throw error;
  }
}

/** Throws `queue_version` unless this program can work with the schema. */
export async function checkPostgresSchema(connection: PostgresConnection): Promise<void> {
  checkMigrations(postgresMigrations, appliedOf(await connection.repeatable(statements.migrations, [])));
}

function appliedOf(rows: readonly Row[]): AppliedMigration[] {
  return rows.map((row) => ({
    number: number(row, 'number'),
    name: text(row, 'name'),
    isBreaking: row['is_breaking'] === true,
  }));
}
