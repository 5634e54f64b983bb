import type { HostReport } from '../../model/host-report.ts';
import { type Known, known, mapKnown, unknown } from '../../model/known.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { backupDurationMs, isUsable, newestFirst } from '../backup-facts.ts';
import { labelOfQueueHost } from '../host-label.ts';
import { type ClusterMetrics, inSeconds, seconds } from './cluster-metrics.ts';
import type { MetricSet } from './metric-set.ts';

const onHost = ['cluster', 'host'];

/** Base backups, as they lie on the archive hosts, and how the queue's attempts at them ended. */
export function backupMetrics(set: MetricSet): ClusterMetrics {
  const status = set.gauge(
    'backup_status',
    'Whether the last attempt at a base backup on this host succeeded: 1, or 0 if it failed or there is no complete one.',
    onHost,
  );
  const success = set.gauge(
    'last_successful_backup_timestamp',
    'When the newest complete base backup on this host ended, in seconds since 1970.',
    onHost,
  );
  const attempt = set.gauge(
    'backup_last_attempt_timestamp',
    'When the last attempt at a base backup on this host began, in seconds since 1970.',
    onHost,
  );
  const duration = set.gauge(
    'archive2_backup_duration_seconds',
    'How long the newest complete base backup on this host took.',
    onHost,
  );
  const size = set.gauge('archive2_backup_size_bytes', 'Size of the newest complete base backup on the disk.', onHost);
  const complete = set.gauge('archive2_backups', 'Base backups on this host that a restore can begin from.', onHost);

  return (cluster, labels) => {
    for (const host of cluster.hosts) {
      const label = { cluster: cluster.cluster, host: labels.get(host.name) ?? host.name };
      const backup = mapKnown(host.lastBackup, (last) => last ?? undefined);
      status(label, backupStatus(cluster, host, labels));
      success(
        label,
        mapKnown(backup, (last) => seconds(last?.endedAtMs)),
      );
      attempt(label, lastAttemptSeconds(cluster, host, labels));
      duration(
        label,
        mapKnown(backup, (last) => inSeconds(last === undefined ? null : backupDurationMs(last))),
      );
      size(
        label,
        mapKnown(backup, (last) => last?.sizeBytes),
      );
      complete(
        label,
        mapKnown(host.backups, (all) => all.filter(isUsable).length),
      );
    }
  };
}

/** By the queue's last attempt that ended, where there is a queue; else by what lies on the host. */
function backupStatus(cluster: ClusterReport, host: HostReport, labels: ReadonlyMap<string, string>): Known<number> {
  const queued = queueTurn(cluster, host, labels);
  if (queued !== undefined && !queued.known) return queued;
  const turn = queued?.value;
  if (turn !== undefined && turn.failures > 0) return known(0);
  // The queue's word is about what it gave out; what became of the files, the host knows.
  return mapKnown(host.backups, (all) => {
    const [newest] = all.filter(({ state }) => state !== 'partial').toSorted(newestFirst);
    return newest !== undefined && isUsable(newest) ? 1 : 0;
  });
}

function lastAttemptSeconds(
  cluster: ClusterReport,
  host: HostReport,
  labels: ReadonlyMap<string, string>,
): Known<number | null> {
  const queued = queueTurn(cluster, host, labels);
  if (queued?.known && queued.value.lastAttempt !== null) return known(queued.value.lastAttempt.startedAtMs / 1000);
  return mapKnown(host.backups, (all) => {
    const [newest] = all.toSorted(newestFirst);
    return seconds(newest?.startedAtMs);
  });
}

/** This host's turn in the queue's schedule of base backups; undefined where the queue gives it none. */
function queueTurn(cluster: ClusterReport, host: HostReport, labels: ReadonlyMap<string, string>) {
  if (cluster.queue === null) return undefined;
  if (!cluster.queue.known) return unknown(cluster.queue.reason);
  const base = cluster.queue.value.schedules.find(({ kind }) => kind === 'base');
  const turn = base?.hosts.find((one) => labelOfQueueHost(cluster, labels, one.host) === labels.get(host.name));
  return turn === undefined ? undefined : known(turn);
}
