import { defaultMaxRunning } from './cluster-settings.ts';
import type { ClusterState, QueueState, RunningTask, ScheduleState } from './queue-state.ts';
import { isOpenAt } from './start-window.ts';
import type { ClaimRequest } from './task.ts';
import type { TaskKind } from './task-kind.ts';
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

/** The running tasks by what limits others, counted once for all schedules. */
export class Occupation {
  readonly #tasks = new Set<string>();
  readonly #byHost = new Map<string, number>();
  readonly #byServer = new Map<string, number>();

  constructor(running: readonly RunningTask[]) {
    for (const task of running) this.begin(task);
  }

  begin(task: RunningTask): void {
    this.#tasks.add(`${task.cluster}/${task.kind}`);
    this.#count(task, 1);
  }

  end(task: RunningTask): void {
    this.#tasks.delete(`${task.cluster}/${task.kind}`);
    this.#count(task, -1);
  }

  isRunning(cluster: string, kind: TaskKind): boolean {
    return this.#tasks.has(`${cluster}/${kind}`);
  }

  ofHost(host: string): number {
    return this.#byHost.get(host) ?? 0;
  }

  ofServer(server: string): number {
    return this.#byServer.get(server) ?? 0;
  }

  #count({ host, sourceServer }: RunningTask, change: number): void {
    this.#byHost.set(host, this.ofHost(host) + change);
    this.#byServer.set(sourceServer, this.ofServer(sourceServer) + change);
  }
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
    if (occupation.isRunning(cluster.name, schedule.kind)) return 'running';
    if (!force && !isRunNow) {
      const turn = turnOf(schedule, hostName);
      if (needsAttention(schedule, turn)) return 'needs_attention';
      if (turn.notBeforeMs !== undefined && nowMs < turn.notBeforeMs) return 'backed_off';
      if (nowMs < due - earlyMs(cluster, schedule)) return 'not_due';
      if (!isOpenAt(schedule.startWindow, cluster.timeZone, nowMs)) return 'window_closed';
    }
    if (occupation.ofHost(hostName) >= host.maxRunning) return 'host_busy';
    const server = state.servers.find(({ name }) => name === cluster.sourceServer);
    if (occupation.ofServer(cluster.sourceServer) >= (server?.maxRunning ?? defaultMaxRunning)) {
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
  const occupation = new Occupation(state.running);
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

/** Whether a host that may have either begins with the first one. */
export function goesBefore(a: Choice, b: Choice): boolean {
  if (a.verdict.isRunNow !== b.verdict.isRunNow) return a.verdict.isRunNow;
  if (a.verdict.rankMs !== b.verdict.rankMs) return a.verdict.rankMs < b.verdict.rankMs;
  if (a.cluster.name !== b.cluster.name) return a.cluster.name < b.cluster.name;
  return a.schedule.kind < b.schedule.kind;
}
