import type { ClusterState, QueueState, RunningTask, TurnState } from './queue-state.ts';
import { afterFailure, turnOf } from './turn-policy.ts';

/** What the history says of a task whose worker was not heard of for its lease. */
export const LOST_ERROR = 'the worker was not heard of until its lease ended';

/** The tasks whose lease has ended. */
export function lostTasks(state: QueueState): RunningTask[] {
  return state.running.filter(({ leaseUntilMs }) => leaseUntilMs <= state.nowMs);
}

/** The state as the next claim will find it: with the tasks whose lease has ended set down as failures. Pure. */
export function withLostTasks(state: QueueState): QueueState {
  const lost = lostTasks(state);
  if (lost.length === 0) return state;
  let { clusters } = state;
  for (const task of lost) {
    clusters = withTurn(clusters, task, (turn) => afterFailure(turn, LOST_ERROR, task.heartbeatAtMs));
  }
  return { ...state, clusters, running: state.running.filter((task) => !lost.includes(task)) };
}

type Place = Pick<RunningTask, 'cluster' | 'kind' | 'host'>;

/** The clusters with the turn of one host with one schedule changed; the same ones when there is no such schedule. */
export function withTurn(
  clusters: readonly ClusterState[],
  { cluster: name, kind, host }: Place,
  change: (turn: TurnState) => TurnState,
): readonly ClusterState[] {
  return clusters.map((cluster) => {
    if (cluster.name !== name) return cluster;
    const schedules = cluster.schedules.map((schedule) => {
      if (schedule.kind !== kind) return schedule;
      const others = schedule.turns.filter((turn) => turn.host !== host);
      return { ...schedule, turns: [...others, change(turnOf(schedule, host))] };
    });
    return { ...cluster, schedules };
  });
}
