import { labelOfQueueHost } from '../host-label.ts';
import { type ClusterMetrics, inSeconds, seconds } from './cluster-metrics.ts';
import type { MetricSet } from './metric-set.ts';

/** What the backup queue says: each kind of task, and each host's turns. */
export function queueMetrics(set: MetricSet): ClusterMetrics {
  const overdue = set.gauge(
    'archive2_schedule_overdue',
    'Whether the next task of this kind is late, or needs an operator: 1 or 0. Absent while it is paused.',
    ['cluster', 'kind'],
  );
  const lastGood = set.gauge(
    'archive2_schedule_last_success_timestamp_seconds',
    'When the newest task of this kind that succeeded began.',
    ['cluster', 'kind'],
  );
  const period = set.gauge('archive2_schedule_period_seconds', 'Between two tasks of this kind.', ['cluster', 'kind']);
  const next = set.gauge(
    'archive2_schedule_next_timestamp_seconds',
    'When the next task of this kind is expected to begin.',
    ['cluster', 'kind'],
  );
  const failures = set.gauge(
    'archive2_task_failures',
    'Tasks of this kind that failed on this host since the last that succeeded.',
    ['cluster', 'host', 'kind'],
  );
  const running = set.gauge(
    'archive2_task_running_since_timestamp_seconds',
    'When the task of this kind that runs now began. Absent while none runs.',
    ['cluster', 'host', 'kind'],
  );
  const expected = set.gauge(
    'archive2_task_expected_seconds',
    'How long tasks of this kind take: the median of the last that succeeded. Absent while none runs.',
    ['cluster', 'host', 'kind'],
  );

  return (cluster, labels) => {
    if (cluster.queue === null || !cluster.queue.known) return;
    for (const { kind, condition, lastGoodAtMs, spacingMs, next: planned, hosts, running: task } of cluster.queue.value
      .schedules) {
      const label = { cluster: cluster.cluster, kind };
      const onHost = (host: string) => ({ ...label, host: labelOfQueueHost(cluster, labels, host) });
      overdue(label, condition === 'paused' ? null : condition === 'overdue' || condition === 'attention' ? 1 : 0);
      lastGood(label, seconds(lastGoodAtMs));
      period(label, spacingMs / 1000);
      next(label, seconds(planned?.atMs));
      for (const turn of hosts) failures(onHost(turn.host), turn.failures);
      if (task === null) continue;
      running(onHost(task.host), seconds(task.startedAtMs));
      expected(onHost(task.host), inSeconds(task.expectedMs));
    }
  };
}
