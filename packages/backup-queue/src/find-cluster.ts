import { Failure } from '@archive2/core/base/failure.ts';
import type { ClusterState, QueueState, ScheduleState } from '@archive2/core/queue/queue-state.ts';
import type { TaskKind } from '@archive2/core/queue/task-kind.ts';

/** Throws `unknown_cluster`, naming those that look alike. */
export function findCluster({ clusters }: Pick<QueueState, 'clusters'>, name: string): ClusterState {
  const found = clusters.find((cluster) => cluster.name === name);
  if (found !== undefined) return found;
  const wanted = name.toLowerCase();
  const alike = clusters
    .map((cluster) => cluster.name)
    .filter((known) => known.toLowerCase().includes(wanted) || wanted.includes(known.toLowerCase()))
    .slice(0, 5);
  throw new Failure('unknown_cluster', `the queue has no cluster ${JSON.stringify(name.slice(0, 80))}`, {
    hint: alike.length > 0 ? `Did you mean ${alike.join(', ')}?` : '"backup-queue list" shows those that it has.',
  });
}

/** Throws `usage` when the cluster has no tasks of this kind. */
export function findSchedule(cluster: ClusterState, kind: TaskKind): ScheduleState {
  const found = cluster.schedules.find((schedule) => schedule.kind === kind);
  if (found !== undefined) return found;
  const kinds = cluster.schedules.map((schedule) => schedule.kind).join(', ') || 'none';
  throw new Failure('usage', `${cluster.name} has no ${kind} tasks (it has: ${kinds})`, {
    hint: `"backup-queue set ${cluster.name} --kind ${kind}" adds them, with the default settings.`,
  });
}

/** Throws `usage` for a host that gets no tasks of the cluster. */
export function checkHostOf(cluster: ClusterState, host: string): void {
  if (cluster.archiveHosts.includes(host)) return;
  throw new Failure('usage', `${JSON.stringify(host)} is not an archive host of ${cluster.name}`, {
    hint: `Its archive hosts are ${cluster.archiveHosts.join(', ')}.`,
  });
}
