import { Failure } from '../base/failure.ts';
import { storedConninfo } from './check-settings.ts';
import { clusterOfOldHost, type OldCluster, type OldQueueDefaults } from './old-queue.ts';
import type { PostgresConnection, Query } from './postgres-connection.ts';
import { checkPostgresSchema } from './postgres-schema.ts';
import { statements } from './postgres-statements.ts';
import { number, type Row, text } from './queue-rows.ts';

/** What an import took over. */
export interface ImportedCluster extends OldCluster {
  /** False: the queue had a cluster of this name, which was left as it is. */
  isNew: boolean;
  /** Backups of its history. */
  taskCount: number;
  /** One that had begun and not ended: it counts as lost. */
  hadUnfinished: boolean;
}

const readHosts = `SELECT cluster_name, host, port, archiver_name, bareos_on, keep_backups_cnt, periodicity_days, directory
  FROM backups.hosts ORDER BY cluster_name`;

const readTasks = `SELECT archiver_name, is_failed, start_txtime, end_txtime FROM backups.tasks
  WHERE host = $1 AND start_txtime IS NOT NULL ORDER BY start_txtime, backup_id`;

const insertTask = `INSERT INTO backup_queue.task (token, kind, cluster, host, source_server, assignment, state, due_at, started_at,
    heartbeat_at, lease_seconds, lease_until, ended_at, error)
  SELECT md5(random()::text || clock_timestamp()::text || pg_backend_pid())::uuid, 'base', $1, $2, $3, '{"imported": true}', $4,
    started_at, started_at, ended_at, 86400, ended_at, ended_at, $7
  FROM (SELECT $5::timestamptz AS started_at, coalesce($6::timestamptz, $5::timestamptz) AS ended_at) t`;

/** The turns of a cluster by its tasks: as if the queue had seen them all. */
const insertTurns = `INSERT INTO backup_queue.turn (cluster, kind, host, slot_at, succeeded_at, failures, last_error)
  SELECT cluster, kind, host, max(succeeded_at), max(succeeded_at),
    count(*) FILTER (WHERE state <> 'succeeded' AND started_at > coalesce(last_good, '-infinity')),
    max(error) FILTER (WHERE started_at > coalesce(last_good, '-infinity'))
  FROM (
    SELECT *, CASE WHEN state = 'succeeded' THEN started_at END AS succeeded_at,
      max(CASE WHEN state = 'succeeded' THEN started_at END) OVER (PARTITION BY host) AS last_good
    FROM backup_queue.task WHERE cluster = $1 AND kind = 'base' AND assignment ? 'imported'
  ) t
  GROUP BY cluster, kind, host`;

/**
 * Takes over the clusters of the old scripts' schema `backups` in the same database, with their backups as history, so that turns and
 * periods go on where they were. Clusters that the queue has are left alone, so it may be repeated. One transaction; the old tables
 * are only read. Throws `usage` when there are none, or for lines that can't be a cluster, before anything was changed.
 */
export async function importOldQueue(
  connection: PostgresConnection,
  defaults: OldQueueDefaults,
  { dryRun }: { dryRun: boolean },
): Promise<ImportedCluster[]> {
  await checkPostgresSchema(connection);
  return await connection.transaction(async (query) => {
    const old = await readOldQueue(query, defaults);
    // Operators may add clusters, but history is the owner's alone.
    if (!dryRun) await query('SET LOCAL ROLE backup_queue_owner');
    const imported: ImportedCluster[] = [];
    for (const { tasks, ...cluster } of old) imported.push(await takeOver(query, cluster, tasks, dryRun));
    return imported;
  });
}

interface OldTask {
  host: string;
  state: 'succeeded' | 'failed' | 'lost';
  startedAt: unknown;
  endedAt: unknown;
}

async function readOldQueue(
  query: Query,
  defaults: OldQueueDefaults,
): Promise<Array<OldCluster & { tasks: OldTask[] }>> {
  const [found = {}] = await query(`SELECT to_regclass('backups.hosts') IS NOT NULL AS is_there`);
  if (found['is_there'] !== true) {
    throw new Failure('usage', 'the database of the queue has no table backups.hosts to import', {
      hint: 'Bring the old schema here first: pg_dump -n backups OLD_DATABASE | psql NEW_DATABASE.',
    });
  }
  const clusters = clustersOf(await query(readHosts), defaults);
  const withTasks: Array<OldCluster & { tasks: OldTask[] }> = [];
  for (const cluster of clusters) {
    const tasks = (await query(readTasks, [cluster.sourceHost])).map((row): OldTask => {
      const state = row['is_failed'] === true ? 'failed' : row['end_txtime'] === null ? 'lost' : 'succeeded';
      return { host: text(row, 'archiver_name'), state, startedAt: row['start_txtime'], endedAt: row['end_txtime'] };
    });
    withTasks.push({ ...cluster, tasks });
  }
  return withTasks;
}

/** Throws one Failure `usage` for all lines that can't be a cluster. */
function clustersOf(rows: readonly Row[], defaults: OldQueueDefaults): OldCluster[] {
  const wrong: string[] = [];
  const clusters = rows.flatMap((row) => {
    try {
      return [clusterOfOldHost(row, defaults)];
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'usage') throw error;
      wrong.push(`${JSON.stringify(String(row['cluster_name']).slice(0, 80))}: ${error.message}`);
      return [];
    }
  });
  if (wrong.length === 0) return clusters;
  throw new Failure(
    'usage',
    `${wrong.length} of ${rows.length} lines of backups.hosts can't be a cluster: ${wrong.join('; ')}`,
    {
      hint: 'Put them right in backups.hosts, then import again; nothing was imported.',
    },
  );
}

async function takeOver(query: Query, old: OldCluster, tasks: OldTask[], dryRun: boolean): Promise<ImportedCluster> {
  const { cluster, schedule } = old;
  const imported = {
    ...old,
    isNew: true,
    taskCount: tasks.length,
    hadUnfinished: tasks.some(({ state }) => state === 'lost'),
  };
  const { name, archiveHosts, directory, sourceServer, timeZone } = cluster;
  const [present = {}] = await query('SELECT count(*) AS count FROM backup_queue.cluster WHERE name = $1', [name]);
  if (number(present, 'count') > 0) return { ...imported, isNew: false, taskCount: 0, hadUnfinished: false };
  if (dryRun) return imported;
  const { kind, periodicityDays, keep, startWindow, priority, failureLimit, options } = schedule;
  const window = [startWindow?.fromMinute ?? null, startWindow?.toMinute ?? null];
  const conninfo = storedConninfo(cluster.conninfo);
  await query(statements.insertCluster, [name, conninfo, archiveHosts, directory, sourceServer, timeZone, true]);
  const settings = [
    name,
    kind,
    periodicityDays,
    keep,
    ...window,
    priority,
    true,
    failureLimit,
    JSON.stringify(options),
  ];
  await query(statements.putSchedule, settings);
  for (const { host, state, startedAt, endedAt } of tasks) {
    await query(insertTask, [name, host, sourceServer, state, startedAt, endedAt, errorOf(state)]);
  }
  await query(insertTurns, [name]);
  return imported;
}

function errorOf(state: OldTask['state']): string | null {
  if (state === 'succeeded') return null;
  return state === 'failed' ? 'failed in the old queue' : 'not ended when the old queue was imported';
}
