import { plan } from './plan.ts';
import type { QueueState } from './queue-state.ts';
import type { TaskKind } from './task-kind.ts';
import { ABSENT_AFTER_MS, periodMs } from './turn-policy.ts';

const DAY_MS = 24 * 60 * 60_000;
const LONGEST_DAYS = 100;

interface Place {
  cluster: string;
  kind: TaskKind;
  host: string;
}

/** When each archive host is expected to begin its next task of each schedule. */
export class ExpectedStarts {
  readonly #startMs = new Map<string, number>();

  /**
   * Plays the schedule on until every host has had its turn, 100 days at most: with hosts that are away left out, and every
   * task a success of the duration given. Pure; a tenth of a second for 500 clusters.
   */
  constructor(state: QueueState, durationMs?: (cluster: string) => number) {
    const periods = state.clusters.flatMap(({ schedules }) => schedules.map(periodMs));
    const days = Math.min(LONGEST_DAYS, Math.max(0, ...periods) / DAY_MS + 3);
    const present = (host: string) => !isAway(state, host);
    for (const task of plan(state, days, { isUp: present, ...(durationMs === undefined ? {} : { durationMs }) })) {
      const key = keyOf(task);
      if (!this.#startMs.has(key)) this.#startMs.set(key, task.startedAtMs);
    }
  }

  /** Undefined: not in the days looked at, or not before somebody does something. */
  of(place: Place): number | undefined {
    return this.#startMs.get(keyOf(place));
  }
}

/** A host that has asked before, but not for so long that the others do its turns. */
export function isAway(state: QueueState, name: string): boolean {
  const host = state.hosts.find((known) => known.name === name);
  return host?.seenAtMs !== undefined && state.nowMs - host.seenAtMs > ABSENT_AFTER_MS;
}

function keyOf({ cluster, kind, host }: Place): string {
  return `${cluster}/${kind}/${host}`;
}
