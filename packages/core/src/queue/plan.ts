import type { QueueState } from './queue-state.ts';
import { type FinishedTask, Simulation } from './simulation.ts';

const MINUTE_MS = 60_000;

export interface PlanAssumptions {
  /** Between two calls of cron; default 10 minutes. */
  askEveryMs?: number;
  /** How long a cluster's task takes; default one hour for all. */
  durationMs?: (cluster: string) => number;
  /** Whether a host asks at all; default: every one does. */
  isUp?: (host: string) => boolean;
}

/** The tasks of the coming days in the order in which they begin, if every host asks, every task succeeds. Pure. */
export function plan(state: QueueState, days: number, assumptions: PlanAssumptions = {}): FinishedTask[] {
  const { askEveryMs = 10 * MINUTE_MS, durationMs = () => 60 * MINUTE_MS, isUp = () => true } = assumptions;
  const simulation = new Simulation(state, {
    askEveryMs,
    isUp,
    run: ({ cluster }) => ({ durationMs: durationMs(cluster) }),
  });
  return [...simulation.until(state.nowMs + days * 24 * 60 * MINUTE_MS)];
}
