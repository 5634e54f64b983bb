import type { ClusterSettings, HostSettings, ScheduleSettings } from './cluster-settings.ts';
import type { HostState, ScheduleState, TurnState } from './queue-state.ts';

/*
 * When the turn of one archive host comes. sql/postgres has the same rules for the claims of the PostgreSQL store
 * (backup_queue.candidates); test/conformance compares the two on random states.
 */

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A host that has not asked for so long is away: the others do its turns. Cron asks every ten minutes. */
export const ABSENT_AFTER_MS = 6 * HOUR_MS;
const FIRST_PAUSE_MS = 10 * MINUTE_MS;
const LONGEST_PAUSE_MS = 12 * HOUR_MS;
/** One point of priority. */
const PRIORITY_MS = HOUR_MS;
const EARLIEST_MS = 2 * HOUR_MS;

type HostsOf = Pick<ClusterSettings, 'archiveHosts'>;

export function periodMs({ periodicityDays }: Pick<ScheduleSettings, 'periodicityDays'>): number {
  return Math.round(periodicityDays * DAY_MS);
}

/** The time between two tasks of a cluster, by whichever host: with two hosts half a period. */
export function spacingMs(cluster: HostsOf, schedule: Pick<ScheduleSettings, 'periodicityDays'>): number {
  return Math.round(periodMs(schedule) / cluster.archiveHosts.length);
}

export function turnOf(schedule: ScheduleState, host: string): TurnState {
  const turn = schedule.turns.find((turn) => turn.host === host);
  return (
    turn ?? {
      host,
      slotAtMs: undefined,
      succeededAtMs: undefined,
      failures: 0,
      notBeforeMs: undefined,
      lastError: undefined,
    }
  );
}

export function needsAttention(schedule: ScheduleSettings, turn: TurnState): boolean {
  return turn.failures >= schedule.failureLimit;
}

/**
 * Whether a host takes its turns with this schedule. One that is paused, away, or in need of attention is out, and the others
 * make the cluster's backups at the full rate. A host that asks is there, whatever was noted of it.
 */
export function isInTurn(schedule: ScheduleState, host: HostState, asker: string, nowMs: number): boolean {
  if (host.name === asker) return true;
  if (!host.enabled || host.seenAtMs === undefined || nowMs - host.seenAtMs > ABSENT_AFTER_MS) return false;
  return !needsAttention(schedule, turnOf(schedule, host.name));
}

/**
 * When the host's next task is due: a period after its own last one, and not within a spacing of anybody's. The first one is due
 * when the schedule was added. With `inTurn` of the cluster's hosts in turn a host's period shrinks to as many spacings.
 */
export function dueAtMs(cluster: HostsOf, schedule: ScheduleState, host: string, inTurn: number): number {
  const spacing = spacingMs(cluster, schedule);
  const own = turnOf(schedule, host).slotAtMs;
  let due = schedule.addedAtMs;
  if (own !== undefined) due = Math.max(due, own + spacing * inTurn);
  for (const { host: other, slotAtMs } of schedule.turns) {
    if (slotAtMs !== undefined && cluster.archiveHosts.includes(other)) due = Math.max(due, slotAtMs + spacing);
  }
  return due;
}

/**
 * How long before it is due a task may start. With a window some: else a task that began late in one window would find the next
 * one closed at the hour it is due, and lose a day.
 */
export function earlyMs(cluster: HostsOf, schedule: ScheduleSettings): number {
  if (schedule.startWindow === undefined) return 0;
  return Math.min(EARLIEST_MS, Math.floor(spacingMs(cluster, schedule) / 4));
}

/** Smaller is sooner: the most overdue first, each point of priority worth an hour. */
export function rankMs(schedule: ScheduleSettings, due: number): number {
  return due - schedule.priority * PRIORITY_MS;
}

/**
 * The place in the schedule of a task that succeeded. One that began late keeps the place it was due at, so that delays neither
 * add up nor push the other host's turns; one that was three quarters of a period late, or early, makes a new one. So does a
 * schedule's first: clusters that were added together would else be due together for ever.
 */
function slotAtMs(schedule: ScheduleState, due: number, startedAtMs: number): number {
  const lateMs = startedAtMs - due;
  const isFirst = schedule.turns.every((turn) => turn.slotAtMs === undefined);
  return !isFirst && lateMs >= 0 && lateMs < Math.floor((periodMs(schedule) * 3) / 4) ? due : startedAtMs;
}

/** The pause after so many failures in a row: 10 minutes, doubled each time, at most 12 hours. */
export function pauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 20));
}

/** A turn after a success. */
export function afterSuccess(schedule: ScheduleState, host: string, due: number, startedAtMs: number): TurnState {
  const turn = turnOf(schedule, host);
  return {
    host,
    // A completion that comes late, after others were recorded, takes nothing back.
    slotAtMs: Math.max(turn.slotAtMs ?? 0, slotAtMs(schedule, due, startedAtMs)),
    succeededAtMs: Math.max(turn.succeededAtMs ?? 0, startedAtMs),
    failures: 0,
    notBeforeMs: undefined,
    lastError: undefined,
  };
}

/** A turn after a failure. The pause counts from the last sign of life: that of a dead worker is over when its lease ends. */
export function afterFailure(turn: TurnState, error: string, lastSignMs: number): TurnState {
  const failures = turn.failures + 1;
  return { ...turn, failures, notBeforeMs: lastSignMs + pauseMs(failures), lastError: error };
}

/** A host that the queue has not heard of has the defaults. */
export function hostOf(hosts: readonly HostState[], name: string): HostState {
  return hosts.find((host) => host.name === name) ?? { ...unknownHost, name };
}

const unknownHost: Omit<HostSettings, 'name'> & { seenAtMs: undefined } = {
  maxRunning: 1,
  enabled: true,
  seenAtMs: undefined,
};
