import type { Connection } from '@archive2/core/postgres/connection.ts';
import { tryParseLsn } from '@archive2/core/wal/lsn.ts';

/** What any login may ask. Times are by the server's clock. */
export interface ServerAnswer {
  readonly nowMs: number;
  readonly isStandby: boolean;
  readonly systemIdentifier: string;
  readonly version: number;
  readonly segmentSizeBytes: number;
  readonly timeline: number;
  readonly lsn: string | null;
  readonly startedMs: number;
  /** Its own address, as it sees it; null over a Unix socket. */
  readonly address: string | null;
  readonly archiveMode: 'off' | 'on' | 'always';
  readonly archiveTimeoutSeconds: number;
  readonly archivedCount: number;
  readonly lastArchivedWal: string | null;
  readonly lastArchivedMs: number | null;
  readonly failedCount: number;
  readonly lastFailedWal: string | null;
  readonly lastFailedMs: number | null;
  /** Whether the login may look into pg_wal, and at all settings: pg_monitor may. */
  readonly mayLookIntoWal: boolean;
  readonly mayReadSettings: boolean;
}

/** What takes pg_monitor. */
export interface WalDirectoryAnswer {
  readonly bytes: number;
  readonly files: number;
  /** When the history file of the current timeline was written; null: there is none. */
  readonly historyMs: number | null;
  readonly readyCount: number;
  readonly oldestReadyMs: number | null;
}

const ms = (expression: string) => `round(extract(epoch FROM ${expression}) * 1000)::text`;

// The timeline of a primary's checkpoint is the old one until the first checkpoint after its promotion; the name of the segment at work
// is right at once. A standby follows the timeline that it streams or has replayed a checkpoint of.
const answerSql = `
  SELECT ${ms('pg_catalog.clock_timestamp()')} AS now, pg_catalog.pg_is_in_recovery() AS standby,
    (SELECT system_identifier::text FROM pg_catalog.pg_control_system()) AS system,
    pg_catalog.current_setting('server_version_num') AS version,
    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_segment_size') AS segment_size,
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN
        greatest((SELECT timeline_id FROM pg_catalog.pg_control_checkpoint()),
          (SELECT received_tli FROM pg_catalog.pg_stat_wal_receiver))::text
      ELSE NULL END AS standby_timeline,
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN NULL
      ELSE pg_catalog.pg_walfile_name(pg_catalog.pg_current_wal_lsn()) END AS segment,
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn()
      ELSE pg_catalog.pg_current_wal_lsn() END::text AS lsn,
    ${ms('pg_catalog.pg_postmaster_start_time()')} AS started, pg_catalog.host(pg_catalog.inet_server_addr()) AS address,
    pg_catalog.current_setting('archive_mode') AS archive_mode,
    (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'archive_timeout') AS archive_timeout,
    archived_count::text AS archived_count, last_archived_wal, ${ms('last_archived_time')} AS last_archived,
    failed_count::text AS failed_count, last_failed_wal, ${ms('last_failed_time')} AS last_failed,
    pg_catalog.has_function_privilege('pg_catalog.pg_ls_waldir()', 'EXECUTE')
      AND pg_catalog.has_function_privilege('pg_catalog.pg_ls_archive_statusdir()', 'EXECUTE') AS may_look,
    pg_catalog.pg_has_role('pg_read_all_settings', 'USAGE') AS may_read_settings
  FROM pg_catalog.pg_stat_archiver`;

const walDirectorySql = `
  SELECT w.*, a.* FROM
    (SELECT sum(size)::text AS bytes, count(*)::text AS files,
       ${ms('max(modification) FILTER (WHERE name = $1)')} AS history FROM pg_catalog.pg_ls_waldir()) w,
    (SELECT count(*)::text AS ready, ${ms('min(modification)')} AS oldest_ready
       FROM pg_catalog.pg_ls_archive_statusdir() WHERE name LIKE '%.ready') a`;

type Row = Record<string, string | boolean | null>;

export async function askServer(connection: Connection): Promise<ServerAnswer> {
  const row = await oneRow(connection, answerSql);
  const isStandby = row['standby'] === true;
  const timeline = isStandby
    ? numberOf(row['standby_timeline'])
    : Number.parseInt(textOf(row['segment']).slice(0, 8), 16);
  const mode = textOf(row['archive_mode']);
  const lsn = textOrNull(row['lsn']);
  if (lsn !== null && tryParseLsn(lsn) === undefined) throw new Error(`the server's position is ${lsn}`);
  return {
    nowMs: numberOf(row['now']),
    isStandby,
    systemIdentifier: textOf(row['system']),
    version: numberOf(row['version']),
    segmentSizeBytes: numberOf(row['segment_size']),
    timeline,
    lsn,
    startedMs: numberOf(row['started']),
    address: textOrNull(row['address']),
    archiveMode: mode === 'on' || mode === 'always' ? mode : 'off',
    archiveTimeoutSeconds: numberOf(row['archive_timeout']),
    archivedCount: numberOf(row['archived_count']),
    lastArchivedWal: textOrNull(row['last_archived_wal']),
    lastArchivedMs: numberOrNull(row['last_archived']),
    failedCount: numberOf(row['failed_count']),
    lastFailedWal: textOrNull(row['last_failed_wal']),
    lastFailedMs: numberOrNull(row['last_failed']),
    mayLookIntoWal: row['may_look'] === true,
    mayReadSettings: row['may_read_settings'] === true,
  };
}

export async function askWalDirectory(connection: Connection, timeline: number): Promise<WalDirectoryAnswer> {
  const history = `${timeline.toString(16).toUpperCase().padStart(8, '0')}.history`;
  const row = await oneRow(connection, walDirectorySql, [history]);
  return {
    bytes: numberOf(row['bytes'] ?? '0'),
    files: numberOf(row['files']),
    historyMs: numberOrNull(row['history']),
    readyCount: numberOf(row['ready']),
    oldestReadyMs: numberOrNull(row['oldest_ready']),
  };
}

export async function askDataDirectory(connection: Connection): Promise<string> {
  const row = await oneRow(connection, "SELECT pg_catalog.current_setting('data_directory') AS path");
  return textOf(row['path']);
}

async function oneRow(connection: Connection, sql: string, values: readonly unknown[] = []): Promise<Row> {
  const { rows } = await connection.query<Row>(sql, [...values]);
  const [row] = rows;
  if (row === undefined) throw new Error('the server answers without a row');
  return row;
}

function numberOf(value: Row[string] | undefined): number {
  const number = typeof value === 'string' ? Number(value) : Number.NaN;
  if (!Number.isFinite(number)) throw new Error(`the server answers ${String(value)} where a number is expected`);
  return number;
}

function numberOrNull(value: Row[string] | undefined): number | null {
  return value === null || value === undefined ? null : numberOf(value);
}

function textOf(value: Row[string] | undefined): string {
  if (typeof value !== 'string') throw new Error('the server answers without a text where one is expected');
  return value;
}

function textOrNull(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : textOf(value);
}
