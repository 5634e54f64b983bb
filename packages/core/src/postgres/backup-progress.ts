import type { Connection } from './connection.ts';

/** How far pg_basebackup is, by the server: bytes before compression. */
export interface BackupProgress {
  /** As PostgreSQL calls it: "streaming database files". */
  phase: string;
  doneBytes: number;
  /** The server's estimate; undefined when it has none (yet). */
  totalBytes: number | undefined;
}

const progressSql = `
  SELECT p.phase, p.backup_streamed::text AS done, p.backup_total::text AS total
  FROM pg_catalog.pg_stat_progress_basebackup p JOIN pg_catalog.pg_stat_activity a USING (pid)
  WHERE a.application_name = $1`;

/**
 * The progress of the backup that is taken under an application name; undefined while there is none, and with PostgreSQL 12, which
 * does not tell. Throws the driver's error.
 */
export async function readBackupProgress(
  connection: Connection,
  applicationName: string,
): Promise<BackupProgress | undefined> {
  try {
    const { rows } = await connection.query<{ phase: string | null; done: string | null; total: string | null }>(
      progressSql,
      [applicationName],
    );
    const [row] = rows;
    if (row === undefined || row.phase === null) return undefined;
    return {
      phase: row.phase,
      doneBytes: Number(row.done ?? 0),
      totalBytes: row.total === null ? undefined : Number(row.total),
    };
  } catch (error) {
    if ((error as { code?: unknown }).code === '42P01') return undefined;
    throw error;
  }
}
