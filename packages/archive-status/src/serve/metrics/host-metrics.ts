import { mapKnown } from '../../model/known.ts';
import { type ClusterMetrics, seconds } from './cluster-metrics.ts';
import type { MetricSet } from './metric-set.ts';

const onHost = ['cluster', 'host'];

/** The archive hosts themselves: whether they answer, and their disks. */
export function hostMetrics(set: MetricSet): ClusterMetrics {
  const up = set.gauge('archive2_host_up', 'Whether the archive host answers: 1 or 0.', onHost);
  const answer = set.gauge('archive2_host_answer_seconds', 'How long the archive host took to answer.', onHost);
  const cooldown = set.gauge(
    'archive2_host_cooldown',
    "Whether the agents of this machine have the archive host in cooldown: 1 or 0. Only on a cluster's own servers.",
    onHost,
  );
  const offset = set.gauge('archive2_host_clock_offset_seconds', "Its clock less this machine's.", onHost);
  const used = set.gauge('disk_usage_percent', 'How much of the disk with the archive is used, from 0 to 100.', onHost);
  const free = set.gauge('archive2_disk_free_bytes', 'What is free on the disk with the archive.', onHost);
  const inodes = set.gauge('archive2_disk_free_inodes', 'Inodes that are free on the disk with the archive.', onHost);
  const full = set.gauge(
    'archive2_disk_full_timestamp_seconds',
    'When the disk with the archive is full if it fills as it does now. Absent while it does not fill.',
    onHost,
  );
  const quarantined = set.gauge(
    'archive2_quarantined_files',
    'Files that came with other content than the stored one.',
    onHost,
  );
  const cleanup = set.gauge('archive2_last_cleanup_timestamp_seconds', 'When wal-cleanup ended there last.', onHost);
  const sync = set.gauge('archive2_last_sync_timestamp_seconds', 'When wal-sync ended there last.', onHost);
  const problems = set.gauge('archive2_host_problems', 'What the host could not read of its own archive.', onHost);

  return (cluster, labels) => {
    for (const host of cluster.hosts) {
      const label = { cluster: cluster.cluster, host: labels.get(host.name) ?? host.name };
      up(label, host.answerMs.known ? 1 : 0);
      answer(
        label,
        mapKnown(host.answerMs, (ms) => ms / 1000),
      );
      cooldown(
        label,
        mapKnown(host.cooldown, (cooling) => (cooling === null ? 0 : 1)),
      );
      offset(
        label,
        mapKnown(host.clockOffsetMs, (ms) => ms / 1000),
      );
      used(
        label,
        mapKnown(host.disk, ({ freeBytes, totalBytes }) =>
          totalBytes > 0 ? 100 * (1 - freeBytes / totalBytes) : null,
        ),
      );
      free(
        label,
        mapKnown(host.disk, ({ freeBytes }) => freeBytes),
      );
      inodes(
        label,
        mapKnown(host.disk, ({ freeInodes }) => freeInodes),
      );
      full(label, mapKnown(host.diskFullAtMs, seconds));
      quarantined(label, host.quarantined);
      cleanup(label, mapKnown(host.lastCleanupAtMs, seconds));
      sync(
        label,
        mapKnown(host.lastSync, (last) => seconds(last?.endedAtMs)),
      );
      problems(
        label,
        mapKnown(host.problems, ({ length }) => length),
      );
    }
  };
}
