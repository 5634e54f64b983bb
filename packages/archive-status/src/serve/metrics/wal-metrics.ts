import { mapKnown } from '../../model/known.ts';
import { type ClusterMetrics, seconds } from './cluster-metrics.ts';
import type { MetricSet } from './metric-set.ts';

const onHost = ['cluster', 'host'];
const ofCluster = ['cluster'];

/** The archived WAL, and what can be restored with it. */
export function walMetrics(set: MetricSet): ClusterMetrics {
  const newest = set.gauge(
    'archive2_wal_last_archived_timestamp',
    'When the server finished the newest segment that this host has, in seconds since 1970.',
    onHost,
  );
  const lagBytes = set.gauge('archive2_wal_lag_bytes', 'What the primary has written and this host lacks.', onHost);
  const lagSegments = set.gauge(
    'archive2_wal_lag_segments',
    'Segments that the primary has finished and this host lacks.',
    onHost,
  );
  const debts = set.gauge('archive2_wal_debts', 'Files that this host owes its peer.', onHost);
  const oldestDebt = set.gauge(
    'archive2_wal_oldest_debt_timestamp_seconds',
    'When the oldest of these debts was recorded. Absent without debts.',
    onHost,
  );
  const single = set.gauge('archive2_wal_single_copies', 'Segments that only this host has, of two.', onHost);
  const holes = set.gauge(
    'archive2_wal_holes',
    'Segments that no host has although later WAL is archived, accepted ones not counted.',
    ofCluster,
  );
  const coverage = set.gauge(
    'archive2_coverage_seconds',
    'How much time can be restored, holes not counted.',
    ofCluster,
  );
  const from = set.gauge(
    'archive2_coverage_from_timestamp_seconds',
    'The earliest moment that can be restored.',
    ofCluster,
  );
  const to = set.gauge('archive2_coverage_to_timestamp_seconds', 'The latest moment that can be restored.', ofCluster);

  return (cluster, labels) => {
    const { wal } = cluster;
    for (const host of cluster.hosts) {
      const label = { cluster: cluster.cluster, host: labels.get(host.name) ?? host.name };
      newest(
        label,
        mapKnown(host.newest, (segment) => seconds(segment?.writtenAtMs)),
      );
      lagBytes(
        label,
        mapKnown(host.lag, ({ bytes }) => bytes),
      );
      lagSegments(
        label,
        mapKnown(host.lag, ({ segments }) => segments),
      );
      debts(
        label,
        mapKnown(host.debts, ({ count }) => count),
      );
      oldestDebt(
        label,
        mapKnown(host.debts, ({ oldestAtMs }) => seconds(oldestAtMs)),
      );
      if (cluster.hosts.length > 1) {
        single(
          label,
          mapKnown(wal.singleCopies, (all) => sumOf(all.filter((copies) => copies.host === host.name))),
        );
      }
    }
    const label = { cluster: cluster.cluster };
    holes(
      label,
      mapKnown(wal.holes, (all) => sumOf(all.filter(({ accepted }) => accepted === null))),
    );
    coverage(
      label,
      mapKnown(cluster.coverage, ({ totalMs }) => totalMs / 1000),
    );
    from(
      label,
      mapKnown(cluster.coverage, ({ ranges }) => seconds(least(ranges.map(({ fromAtMs }) => fromAtMs)))),
    );
    to(
      label,
      mapKnown(cluster.coverage, ({ ranges }) => seconds(most(ranges.map(({ toAtMs }) => toAtMs)))),
    );
  };
}

function sumOf(bands: readonly { count: number }[]): number {
  return bands.reduce((sum, { count }) => sum + count, 0);
}

function least(moments: readonly number[]): number | null {
  return moments.length === 0 ? null : Math.min(...moments);
}

function most(moments: readonly number[]): number | null {
  return moments.length === 0 ? null : Math.max(...moments);
}
