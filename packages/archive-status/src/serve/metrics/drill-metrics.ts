import { labelOfQueueHost } from '../host-label.ts';
import { type ClusterMetrics, inSeconds, seconds } from './cluster-metrics.ts';
import type { MetricSet } from './metric-set.ts';

const onHost = ['cluster', 'host'];

/** The newest drill on each host that drills. */
export function drillMetrics(set: MetricSet): ClusterMetrics {
  const failed = set.gauge(
    'backup_verification_failed',
    'Whether the newest verification of a backup on this host failed: 1 or 0. Absent where none was made.',
    onHost,
  );
  const when = set.gauge(
    'archive2_drill_last_timestamp_seconds',
    'When the newest verification on this host ended.',
    onHost,
  );
  const rto = set.gauge(
    'archive2_drill_rto_seconds',
    'How long the newest restore drill on this host took until its server answered.',
    onHost,
  );
  const rpo = set.gauge(
    'archive2_drill_rpo_seconds',
    'How much time the newest restore drill on this host would have lost.',
    onHost,
  );

  return (cluster, labels) => {
    if (!cluster.drills.known) return;
    const drills = cluster.drills.value.toSorted((a, b) => b.endedAtMs - a.endedAtMs);
    const byHost = Map.groupBy(drills, ({ host }) => labelOfQueueHost(cluster, labels, host));
    for (const [host, own] of byHost) {
      const label = { cluster: cluster.cluster, host };
      const measured = own.find(({ rtoMs }) => rtoMs !== null);
      failed(label, own[0] === undefined ? null : Number(!own[0].ok));
      when(label, seconds(own[0]?.endedAtMs));
      rto(label, inSeconds(measured?.rtoMs));
      rpo(label, inSeconds(measured?.rpoMs));
    }
  };
}
