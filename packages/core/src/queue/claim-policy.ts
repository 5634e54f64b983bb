import { defaultMaxRunning } from './cluster-settings.ts';
import type { ClusterState, QueueState, RunningTask, ScheduleState } from './queue-state.ts';
import { isOpenAt } from './start-window.ts';
import type { ClaimRequest } from './task.ts';
import { dueAtMs, earlyMs, hostOf, isInTurn, needsAttention, rankMs, turnOf } from './turn-policy.ts';

/** Why a host does not get a cluster's task now, in the order in which they are looked at. */
export type Obstacle =
  | 'not_its_host'
  | 'cluster_paused'
  | 'schedule_paused'
  | 'host_paused'
  | 'running'
  | 'needs_attention'
  | 'backed_off'
  | 'not_due'
  | 'window_closed'
  | 'host_busy'
  | 'server_busy';

export interface Verdict {
  dueAtMs: number;
  /** Smaller goes first; tasks that a person asked for before all others. */
  rankMs: number;
  isRunNow: boolean;
  /** Undefined: it may start. */
  obstacle: Obstacle | undefined;
}

/** The tasks of a state by what limits them, counted once for all schedules. */
export interface Occupation {
  byTask: ReadonlySet<string>;
  byHost: ReadonlyMap<string, number>;
  byServer: ReadonlyMap<string, number>;
}

export function occupationOf(running: readonly RunningTask[]): Occupation {
  const byTask = new Set<string>();
  const byHost = new Map<string, number>();
  const byServer = new Map<string, number>();
  for (const { cluster, kind, host, sourceServer } of running) {
    byTask.add(`${cluster}/${kind}`);
    byHost.set(host, (byHost.get(host) ?? 0) + 1);
    byServer.set(sourceServer, (byServer.get(sourceServer) ?? 0) + 1);
  }
  return { byTask, byHost, byServer };
}

/** Whether the host may start the task of this schedule now, and where it stands in the line. Pure. */
export function judge(
  state: QueueState,
  occupation: Occupation,
  cluster: ClusterState,
  schedule: ScheduleState,
  hostName: string,
  force = false,
): Verdict {
  const { nowMs } = state;
  const inTurn = cluster.archiveHosts.filter((name) =>
    isInTurn(schedule, hostOf(state.hosts, name), hostName, nowMs),
  ).length;
  const due = dueAtMs(cluster, schedule, hostName, Math.max(1, inTurn));
  const { runNow } = schedule;
  const isRunNow = runNow !== undefined && (runNow.host === undefined || runNow.host === hostName);
  const find = (): Obstacle | undefined => {
    const host = hostOf(state.hosts, hostName);
    if (!cluster.archiveHosts.includes(hostName)) return 'not_its_host';
    if (!force && !cluster.enabled) return 'cluster_paused';
    if (!force && !schedule.enabled) return 'schedule_paused';
    if (!force && !host.enabled) return 'host_paused';
    if (occupation.byTask.has(`${cluster.name}/${schedule.kind}`)) return 'running';
    if (!force && !isRunNow) {
      const turn = turnOf(schedule, hostName);
      if (needsAttention(schedule, turn)) return 'needs_attention';
      if (turn.notBeforeMs !== undefined && nowMs < turn.notBeforeMs) return 'backed_off';
      if (nowMs < due - earlyMs(cluster, schedule)) return 'not_due';
      if (!isOpenAt(schedule.startWindow, cluster.timeZone, nowMs)) return 'window_closed';
    }
    if ((occupation.byHost.get(hostName) ?? 0) >= host.maxRunning) return 'host_busy';
    const server = state.servers.find(({ name }) => name === cluster.sourceServer);
    if ((occupation.byServer.get(cluster.sourceServer) ?? 0) >= (server?.maxRunning ?? defaultMaxRunning)) {
      return 'server_busy';
    }
    return undefined;
  };
  return {
    // Asked for before its time: its place in the schedule is then now.
    dueAtMs: (isRunNow || force) && due > nowMs ? nowMs : due,
    rankMs: rankMs(schedule, due),
    isRunNow,
    obstacle: find(),
  };
}

export interface Choice {
  cluster: ClusterState;
  schedule: ScheduleState;
  verdict: Verdict;
}

type Question = Pick<ClaimRequest, 'host' | 'kinds' | 'cluster' | 'force'>;

/** The task that the host gets now, or undefined. Leases that have ended must have been taken out of the state before. Pure. */
export function chooseTask(state: QueueState, question: Question): Choice | undefined {
  const kinds = question.kinds ?? ['base'];
  const occupation = occupationOf(state.running);
  let best: Choice | undefined;
  for (const cluster of state.clusters) {
    if (question.cluster !== undefined && cluster.name !== question.cluster) continue;
    for (const schedule of cluster.schedules) {
      if (!kinds.includes(schedule.kind)) continue;
      const verdict = judge(state, occupation, cluster, schedule, question.host, question.force);
      if (verdict.obstacle !== undefined) continue;
      const choice = { cluster, schedule, verdict };
      if (best === undefined || goesBefore(choice, best)) best = choice;
    }
  }
  return best;
}

function goesBefore(a: Choice, b: Choice): boolean {
  if (a.verdict.isRunNow !== b.verdict.isRunNow) return a.verdict.isRunNow;
  if (a.verdict.rankMs !== b.verdict.rankMs) return a.verdict.rankMs < b.verdict.rankMs;
  if (a.cluster.name !== b.cluster.name) return a.cluster.name < b.cluster.name;
  return a.schedule.kind < b.schedule.kind;
}
