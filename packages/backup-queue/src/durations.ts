import type { OperatorQueue } from '@archive2/core/queue/backup-queue.ts';
import type { Task } from '@archive2/core/queue/task.ts';

const HOUR_MS = 60 * 60_000;
const MEASURED = 3;

/** How long a cluster's next task will take, by its last ones that succeeded; an hour where there is none. */
export async function readDurations(queue: Pick<OperatorQueue, 'tasks'>): Promise<(cluster: string) => number> {
  return durationsOf(await queue.tasks({ states: ['succeeded'], limit: 2000 }));
}

/** By tasks, newest first. Pure. */
function durationsOf(tasks: readonly Task[]): (cluster: string) => number {
  const byCluster = Map.groupBy(tasks, ({ cluster }) => cluster);
  return (cluster) => {
    const taken = (byCluster.get(cluster) ?? [])
      .slice(0, MEASURED)
      .flatMap(({ startedAtMs, endedAtMs }) => (endedAtMs === undefined ? [] : [endedAtMs - startedAtMs]));
    return taken.length === 0 ? HOUR_MS : Math.max(...taken);
  };
}
