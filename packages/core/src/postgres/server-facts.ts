import { type Lsn, tryParseLsn } from '../wal/lsn.ts';
import { parseSystemIdentifier, type SystemIdentifier } from '../wal/system-identifier.ts';
import type { Connection } from './connection.ts';

/** What a server says of itself. */
export interface ServerFacts {
  isStandby: boolean;
  systemIdentifier: SystemIdentifier;
  /** server_version_num: 150004. */
  versionNumber: number;
  /** What is written on a primary, what is replayed on a standby; undefined while a standby has replayed nothing. */
  lsn: Lsn | undefined;
}

const factsSql = `
  SELECT pg_catalog.pg_is_in_recovery() AS standby,
    (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system,
    current_setting('server_version_num') AS version,
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
      ELSE pg_catalog.pg_current_wal_lsn() END::text AS lsn`;

/** Any login may ask. Throws the driver's error. */
export async function readServerFacts(connection: Connection): Promise<ServerFacts> {
  const { rows } = await connection.query<{ standby: boolean; system: string; version: string; lsn: string | null }>(
    factsSql,
  );
  const [row] = rows;
  if (row === undefined) throw new Error('the server does not say what it is');
  return {
    isStandby: row.standby,
    systemIdentifier: parseSystemIdentifier(row.system),
    versionNumber: Number(row.version),
    lsn: tryParseLsn(row.lsn ?? ''),
  };
}

export function majorVersionOf(versionNumber: number): number {
  return Math.floor(versionNumber / 10_000);
}

/** Of all tablespaces, in bytes; undefined where the login may not look (pg_read_all_stats or pg_monitor may). */
export async function readClusterBytes(connection: Connection): Promise<number | undefined> {
  const sql = 'SELECT sum(pg_catalog.pg_tablespace_size(oid))::text AS bytes FROM pg_catalog.pg_tablespace';
  try {
    const { rows } = await connection.query<{ bytes: string }>(sql);
    return rows[0] === undefined ? undefined : Number(rows[0].bytes);
  } catch (error) {
    if ((error as { code?: unknown }).code === '42501') return undefined;
    throw error;
  }
}
