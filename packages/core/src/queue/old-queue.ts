import { formatConninfo } from '../postgres/conninfo.ts';
import { checkCluster, checkSchedule } from './check-settings.ts';
import { type ClusterSettings, defaultScheduleSettings, type ScheduleSettings } from './cluster-settings.ts';
import type { Row } from './queue-rows.ts';

/*
 * The queue of the old scripts: schema `backups`, with a line in `hosts` for each cluster and in `tasks` for each backup that was
 * begun. A line of `tasks` without an end is of a backup that runs, or whose script has died.
 */

export interface OldCluster {
  /** In `tasks`, which knows no clusters. */
  sourceHost: string;
  cluster: ClusterSettings;
  schedule: ScheduleSettings;
}

/** What the old tables do not say. */
export interface OldQueueDefaults {
  timeZone: string;
  startWindow: ScheduleSettings['startWindow'];
  /** Whom to log in as at the servers; undefined: whoever the account's name is. */
  user: string | undefined;
}

/** A line of backups.hosts as the settings of a cluster. Pure. Throws `usage` for what can't be one here. */
export function clusterOfOldHost(row: Row, { timeZone, startWindow, user }: OldQueueDefaults): OldCluster {
  const name = String(row['cluster_name']);
  const host = String(row['host']);
  const port = Number(row['port'] ?? 5432);
  const archiveHosts = Array.isArray(row['archiver_name']) ? row['archiver_name'].map(String) : [];
  const bareosOn = row['bareos_on'];
  const cluster: ClusterSettings = {
    name,
    conninfo: formatConninfo({
      host,
      ...(port === 5432 ? {} : { port: String(port) }),
      ...(user === undefined ? {} : { user }),
    }),
    archiveHosts,
    directory: String(row['directory']).replace(/(?<=.)\/+$/, ''),
    sourceServer: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/.test(host) ? host : name,
    timeZone,
    enabled: true,
  };
  const schedule: ScheduleSettings = {
    ...defaultScheduleSettings,
    kind: 'base',
    periodicityDays: Number(row['periodicity_days']),
    keep: Number(row['keep_backups_cnt']),
    startWindow,
    // The host that also makes a copy for Bareos; get_next() tells it to the old script.
    options: archiveHosts.some((archiver) => archiver === bareosOn) ? { 'bareos-on': String(bareosOn) } : {},
  };
  checkCluster(cluster);
  checkSchedule(schedule);
  return { sourceHost: host, cluster, schedule };
}

/** For psql, after the import: the old scripts go on calling their functions, and work on this queue. */
export const redirectOldFunctions = `CREATE OR REPLACE FUNCTION backups.get_next(
  i_archiver text, OUT o_backip_id integer, OUT o_pghost text, OUT o_pgport integer, OUT o_remote_archiver text,
  OUT o_keep_backups_cnt integer, OUT o_backups_dir text, OUT o_bareos_on text
) RETURNS SETOF record ROWS 1 LANGUAGE sql AS 'SELECT * FROM backup_queue.get_next(i_archiver)';
CREATE OR REPLACE FUNCTION backups.stop(i_backup_id integer, OUT o_info boolean)
LANGUAGE sql AS 'SELECT backup_queue.stop(i_backup_id)';
`;
