import { judge, type Obstacle, Occupation, type Verdict } from './claim-policy.ts';
import { withLostTasks } from './lost-tasks.ts';
import type { ClusterState, QueueState, ScheduleState } from './queue-state.ts';
import { nextOpeningMs } from './start-window.ts';
import type { TaskKind } from './task-kind.ts';
import { earlyMs, turnOf } from './turn-policy.ts';

/** How one archive host stands with one schedule: what it waits for, and until when. */
export interface Standing {
  cluster: string;
  kind: TaskKind;
  host: string;
  verdict: Verdict;
  /**
   * When it may start, as far as time alone decides: due, pause over, window open. Undefined when somebody has to do something
   * first, or a running task has to end.
   */
  freeAtMs: number | undefined;
}

const endsByItself: readonly Obstacle[] = ['backed_off', 'not_due', 'window_closed'];

/**
 * Every archive host with every schedule of its clusters, first in the line first: the answer to "why is nothing running?".
 * Pure; `hosts` narrows it.
 */
export function standings(state: QueueState, hosts?: readonly string[]): Standing[] {
  const current = withLostTasks(state);
  const occupation = new Occupation(current.running);
  const found: Standing[] = [];
  for (const cluster of current.clusters) {
    for (const schedule of cluster.schedules) {
      for (const host of cluster.archiveHosts) {
        if (hosts !== undefined && !hosts.includes(host)) continue;
        const verdict = judge(current, occupation, cluster, schedule, host);
        found.push({
          cluster: cluster.name,
          kind: schedule.kind,
          host,
          verdict,
          freeAtMs: freeAtMs(cluster, schedule, host, verdict, current.nowMs),
        });
      }
    }
  }
  return found.sort(
    (a, b) => Number(b.verdict.isRunNow) - Number(a.verdict.isRunNow) || a.verdict.rankMs - b.verdict.rankMs,
  );
}

function freeAtMs(
  cluster: ClusterState,
  schedule: ScheduleState,
  host: string,
  { dueAtMs, obstacle, isRunNow }: Verdict,
  nowMs: number,
): number | undefined {
  if (obstacle === undefined) return nowMs;
  if (!endsByItself.includes(obstacle) || isRunNow) return undefined;
  return earliestStartMs(cluster, schedule, host, dueAtMs, nowMs);
}

/** The first moment, from now on, that is not before the task is due, within a pause, or outside of the window. */
export function earliestStartMs(
  cluster: ClusterState,
  schedule: ScheduleState,
  host: string,
  dueAtMs: number,
  nowMs: number,
): number {
  const { notBeforeMs } = turnOf(schedule, host);
  const atMs = Math.max(nowMs, dueAtMs - earlyMs(cluster, schedule), notBeforeMs ?? 0);
  return nextOpeningMs(schedule.startWindow, cluster.timeZone, atMs);
}
