import { type Obstacle, type Verdict } from './claim-policy.ts';
import { ExpectedStarts, isAway } from './expected-starts.ts';
import { withLostTasks } from './lost-tasks.ts';
import type { ClusterState, HostState, QueueState, RunningTask, ScheduleState } from './queue-state.ts';
import { type Standing, standings } from './standings.ts';
import { hostOf, needsAttention, spacingMs, turnOf } from './turn-policy.ts';

const DAY_MS = 24 * 60 * 60_000;

/**
 * How a schedule stands, the first that holds: a task of it runs; it, its cluster or all of its hosts are paused; one of its hosts
 * needs attention; the next task is late; a host has failed and tries again; there has been none yet; all is well.
 */
export type ScheduleCondition = 'running' | 'paused' | 'attention' | 'overdue' | 'failing' | 'new' | 'ok';

export interface ScheduleOverview {
  cluster: ClusterState;
  schedule: ScheduleState;
  condition: ScheduleCondition;
  running: RunningTask | undefined;
  /** In the order of the cluster's list. */
  hosts: readonly HostOverview[];
  /** When the last backup that succeeded was begun, by whichever host, also one that was taken off the list. */
  lastGoodAtMs: number | undefined;
  /** The first of the hosts' expected starts. */
  next: { host: string; atMs: number } | undefined;
}

export interface HostOverview {
  name: string;
  verdict: Verdict;
  /** Why it does not begin now; undefined: it does when it asks. */
  obstacle: Obstacle | undefined;
  /** See Standing. */
  freeAtMs: number | undefined;
  /** When it is expected to begin its next task, with all that is before it in the line. */
  nextAtMs: number | undefined;
  lastGoodAtMs: number | undefined;
  failures: number;
  lastError: string | undefined;
  needsAttention: boolean;
  isPaused: boolean;
  isAway: boolean;
}

export interface Overview {
  /** By the queue's clock. */
  nowMs: number;
  /** As the next claim will find it: with the lost tasks set down. */
  state: QueueState;
  /** By cluster name, then kind. */
  schedules: readonly ScheduleOverview[];
  /** Every host that has asked, was configured, or is in a cluster's list. */
  hosts: readonly HostState[];
}

/** All of a state that a person wants to see, worked out once. Pure. `durationMs`: how long a cluster's task takes. */
export function overviewOf(given: QueueState, durationMs?: (cluster: string) => number): Overview {
  const state = withLostTasks(given);
  const expected = new ExpectedStarts(state, durationMs);
  const byPlace = new Map<string, Standing>();
  for (const standing of standings(state)) byPlace.set(placeKey(standing), standing);
  const clusters = state.clusters.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const schedules = clusters.flatMap((cluster) =>
    cluster.schedules
      .toSorted((a, b) => (a.kind < b.kind ? -1 : 1))
      .map((schedule) => scheduleOverview(state, cluster, schedule, byPlace, expected)),
  );
  const names = new Set([
    ...state.hosts.map(({ name }) => name),
    ...clusters.flatMap(({ archiveHosts }) => archiveHosts),
  ]);
  return { nowMs: state.nowMs, state, schedules, hosts: [...names].sort().map((name) => hostOf(state.hosts, name)) };
}

function scheduleOverview(
  state: QueueState,
  cluster: ClusterState,
  schedule: ScheduleState,
  byPlace: ReadonlyMap<string, Standing>,
  expected: ExpectedStarts,
): ScheduleOverview {
  const hosts = cluster.archiveHosts.flatMap((name): HostOverview[] => {
    const place = { cluster: cluster.name, kind: schedule.kind, host: name };
    const standing = byPlace.get(placeKey(place));
    if (standing === undefined) return [];
    const turn = turnOf(schedule, name);
    return [
      {
        name,
        verdict: standing.verdict,
        obstacle: standing.verdict.obstacle,
        freeAtMs: standing.freeAtMs,
        nextAtMs: expected.of(place),
        lastGoodAtMs: turn.succeededAtMs,
        failures: turn.failures,
        lastError: turn.lastError,
        needsAttention: needsAttention(schedule, turn),
        isPaused: !hostOf(state.hosts, name).enabled,
        isAway: isAway(state, name),
      },
    ];
  });
  const running = state.running.find((task) => task.cluster === cluster.name && task.kind === schedule.kind);
  const goods = schedule.turns.flatMap(({ succeededAtMs }) => succeededAtMs ?? []);
  const starts = hosts
    .flatMap(({ name, nextAtMs }) => (nextAtMs === undefined ? [] : [{ host: name, atMs: nextAtMs }]))
    .sort((a, b) => a.atMs - b.atMs);
  return {
    cluster,
    schedule,
    condition: conditionOf(state, cluster, schedule, hosts, running),
    running,
    hosts,
    lastGoodAtMs: goods.length === 0 ? undefined : Math.max(...goods),
    next: starts[0],
  };
}

function conditionOf(
  state: QueueState,
  cluster: ClusterState,
  schedule: ScheduleState,
  hosts: readonly HostOverview[],
  running: RunningTask | undefined,
): ScheduleCondition {
  if (running !== undefined) return 'running';
  if (!cluster.enabled || !schedule.enabled || hosts.every(({ isPaused }) => isPaused)) return 'paused';
  if (hosts.some((host) => host.needsAttention)) return 'attention';
  const dueAtMs = Math.min(...hosts.map(({ verdict }) => verdict.dueAtMs));
  // A start window may hold it for most of a day.
  if (state.nowMs - dueAtMs > Math.max(DAY_MS, spacingMs(cluster, schedule) / 2)) return 'overdue';
  if (hosts.some(({ failures }) => failures > 0)) return 'failing';
  return schedule.turns.some(({ succeededAtMs }) => succeededAtMs !== undefined) ? 'ok' : 'new';
}

function placeKey({ cluster, kind, host }: { cluster: string; kind: string; host: string }): string {
  return `${cluster}/${kind}/${host}`;
}
