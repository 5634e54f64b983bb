import { type Choice, goesBefore, judge, Occupation, type Verdict } from './claim-policy.ts';
import { withLostTasks, withTurn } from './lost-tasks.ts';
import type { ClusterState, HostState, QueueState, RunningTask, ScheduleState } from './queue-state.ts';
import { earliestStartMs } from './standings.ts';
import type { TaskKind } from './task-kind.ts';
import { ABSENT_AFTER_MS, afterFailure, afterSuccess, hostOf, turnOf } from './turn-policy.ts';

/** What happens outside of the queue, as a simulation of it assumes. */
export interface World {
  /** The time between two calls of a host's cron job. */
  askEveryMs: number;
  /** False while a host is down: it does not ask then. */
  isUp(host: string, atMs: number): boolean;
  /** How long a task that begins now takes, and how it ends. */
  run(task: SimulatedTask): { durationMs: number; error?: string };
}

export interface SimulatedTask {
  cluster: string;
  kind: TaskKind;
  host: string;
  dueAtMs: number;
  startedAtMs: number;
}

export interface FinishedTask extends SimulatedTask {
  endedAtMs: number;
  error: string | undefined;
}

/** One schedule, with its cluster, which then has this one alone. */
interface Entry {
  cluster: ClusterState;
  schedule: ScheduleState;
}

/** What one host has before it. */
interface Line {
  /** By the number of the call at which to look at them again: before, it is of no use. */
  later: Map<number, string[]>;
  /** What may begin as far as time alone decides, first in the line first. */
  ready: { key: string; entry: Entry; choice: Choice }[];
}

/**
 * Plays the queue's rules forward from a state, and yields the tasks as they begin, each with its end; `state` is what is left
 * when the end is reached. The tasks that run at the beginning end at once, and well. Nothing but the rules of this folder
 * decides; this only leaves out the schedules whose time has not come.
 */
export class Simulation {
  readonly #world: World;
  readonly #startMs: number;
  readonly #given: QueueState;
  readonly #hosts: Map<string, HostState>;
  readonly #entries = new Map<string, Entry>();
  readonly #lines = new Map<string, Line>();
  readonly #running = new Map<number, RunningTask>();
  readonly #ends = new Map<number, FinishedTask>();
  readonly #occupation: Occupation;
  #nowMs: number;
  #present = '';
  /** Until the time or a host changes. */
  #seen: QueueState | undefined;
  #nextTaskId = 1;

  constructor(given: QueueState, world: World) {
    this.#given = withLostTasks(given);
    this.#world = world;
    this.#occupation = new Occupation(this.#given.running);
    this.#startMs = this.#nowMs = given.nowMs;
    const names = new Set(this.#given.clusters.flatMap(({ archiveHosts }) => archiveHosts));
    this.#hosts = new Map([...names].map((name) => [name, hostOf(this.#given.hosts, name)]));
    for (const cluster of this.#given.clusters) {
      for (const schedule of cluster.schedules) {
        this.#entries.set(keyOf(cluster.name, schedule.kind), {
          cluster: { ...cluster, schedules: [schedule] },
          schedule,
        });
      }
    }
    for (const task of this.#given.running) {
      this.#running.set(task.taskId, task);
      this.#ends.set(task.taskId, { ...task, endedAtMs: this.#nowMs, error: undefined });
      this.#nextTaskId = Math.max(this.#nextTaskId, task.taskId + 1);
    }
  }

  /** With the clusters as they are now. */
  get state(): QueueState {
    const clusters = this.#given.clusters.map((cluster) => {
      const schedules = cluster.schedules.map(
        (schedule) => this.#entries.get(keyOf(cluster.name, schedule.kind))?.schedule ?? schedule,
      );
      return { ...cluster, schedules };
    });
    return { ...this.#view(), clusters, running: [...this.#running.values()] };
  }

  *until(endMs: number): Generator<FinishedTask> {
    for (; this.#nowMs < endMs; this.#nowMs += this.#world.askEveryMs) {
      this.#seen = undefined;
      this.#end();
      for (const host of this.#hosts.keys()) {
        if (!this.#world.isUp(host, this.#nowMs)) continue;
        this.#see(host);
        // Cron starts one worker; but a host that runs several at once gets there by its next calls, so they may all be now.
        for (let task = this.#claim(host); task !== undefined; task = this.#claim(host)) yield task;
      }
    }
  }

  /** What judge() looks at beside the schedule itself and the occupation. */
  #view(): QueueState {
    const { servers } = this.#given;
    this.#seen ??= { nowMs: this.#nowMs, hosts: [...this.#hosts.values()], servers, clusters: [], running: [] };
    return this.#seen;
  }

  /** Ends what has run for its time. */
  #end(): void {
    for (const [taskId, task] of this.#ends) {
      if (task.endedAtMs > this.#nowMs) continue;
      this.#ends.delete(taskId);
      const running = this.#running.get(taskId);
      if (running !== undefined) this.#occupation.end(running);
      this.#running.delete(taskId);
      const entry = this.#entries.get(keyOf(task.cluster, task.kind));
      if (entry === undefined) continue;
      const [cluster = entry.cluster] = withTurn([entry.cluster], task, () =>
        task.error === undefined
          ? afterSuccess(entry.schedule, task.host, task.dueAtMs, task.startedAtMs)
          : afterFailure(turnOf(entry.schedule, task.host), task.error, task.endedAtMs),
      );
      this.#change(cluster);
    }
  }

  #change(cluster: ClusterState): void {
    for (const schedule of cluster.schedules) {
      const key = keyOf(cluster.name, schedule.kind);
      this.#entries.set(key, { cluster, schedule });
      for (const host of this.#lines.keys()) this.#queueUp(host, key);
    }
  }

  /** Notes that the host asks. Who is there decides whose turns there are: a change of that lets all be looked at again. */
  #see(name: string): void {
    this.#hosts.set(name, { ...hostOf(this.#view().hosts, name), seenAtMs: this.#nowMs });
    this.#seen = undefined;
    const isThere = ({ seenAtMs }: HostState) => seenAtMs !== undefined && this.#nowMs - seenAtMs <= ABSENT_AFTER_MS;
    const present = [...this.#hosts.values()].map((host) => Number(isThere(host))).join('');
    if (present === this.#present) return;
    this.#present = present;
    for (const host of this.#hosts.keys()) {
      this.#lines.set(host, { later: new Map(), ready: [] });
      for (const key of this.#entries.keys()) this.#queueUp(host, key);
    }
  }

  /** Puts a schedule where the host finds it when its time has come; nowhere, when something else must happen first. */
  #queueUp(host: string, key: string): void {
    const entry = this.#entries.get(key);
    const line = this.#lines.get(host);
    if (entry === undefined || line === undefined) return;
    const verdict = judge(this.#view(), this.#occupation, entry.cluster, entry.schedule, host);
    if (isLimit(verdict) || verdict.obstacle === undefined) insert(line, key, entry, verdict);
    else if (isTime(verdict)) this.#putOff(line, host, key, entry, verdict);
  }

  #putOff(line: Line, host: string, key: string, { cluster, schedule }: Entry, { dueAtMs }: Verdict): void {
    const freeAtMs = earliestStartMs(cluster, schedule, host, dueAtMs, this.#nowMs);
    const call = Math.ceil((freeAtMs - this.#startMs) / this.#world.askEveryMs);
    const keys = line.later.get(call);
    if (keys === undefined) line.later.set(call, [key]);
    else keys.push(key);
  }

  #claim(host: string): FinishedTask | undefined {
    const line = this.#lines.get(host);
    if (line === undefined) return undefined;
    const call = Math.round((this.#nowMs - this.#startMs) / this.#world.askEveryMs);
    const arrived = new Set(line.later.get(call));
    line.later.delete(call);
    for (const key of arrived) this.#queueUp(host, key);
    if (line.ready.length === 0) return undefined;
    const view = this.#view();
    if (this.#occupation.ofHost(host) >= hostOf(view.hosts, host).maxRunning) return undefined;
    for (const waiting of line.ready.slice()) {
      const { key, entry } = waiting;
      const verdict = judge(view, this.#occupation, entry.cluster, entry.schedule, host);
      const isCurrent = this.#entries.get(key) === entry;
      if (isCurrent && isLimit(verdict)) continue;
      line.ready.splice(line.ready.indexOf(waiting), 1);
      if (!isCurrent) continue;
      if (isTime(verdict)) this.#putOff(line, host, key, entry, verdict);
      if (verdict.obstacle === undefined) return this.#start(entry, host, verdict.dueAtMs);
    }
    return undefined;
  }

  #start({ cluster, schedule }: Entry, host: string, dueAtMs: number): FinishedTask {
    const startedAtMs = this.#nowMs;
    const task = { cluster: cluster.name, kind: schedule.kind, host, dueAtMs, startedAtMs };
    const { durationMs, error } = this.#world.run(task);
    const finished = { ...task, endedAtMs: startedAtMs + durationMs, error };
    const running: RunningTask = {
      ...task,
      taskId: this.#nextTaskId++,
      sourceServer: cluster.sourceServer,
      heartbeatAtMs: startedAtMs,
      leaseUntilMs: Number.POSITIVE_INFINITY,
      progress: undefined,
    };
    this.#ends.set(running.taskId, finished);
    this.#running.set(running.taskId, running);
    this.#occupation.begin(running);
    this.#change({ ...cluster, schedules: [{ ...schedule, runNow: undefined }] });
    return finished;
  }
}

function keyOf(cluster: string, kind: TaskKind): string {
  return `${cluster}/${kind}`;
}

/** What ends when another task does. */
function isLimit({ obstacle }: Verdict): boolean {
  return obstacle === 'host_busy' || obstacle === 'server_busy';
}

function isTime({ obstacle }: Verdict): boolean {
  return obstacle === 'not_due' || obstacle === 'backed_off' || obstacle === 'window_closed';
}

/** Keeps the line in the order in which chooseTask would take them. */
function insert({ ready }: Line, key: string, entry: Entry, verdict: Verdict): void {
  const choice = { ...entry, verdict };
  let low = 0;
  let high = ready.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const there = ready[middle];
    if (there !== undefined && goesBefore(there.choice, choice)) low = middle + 1;
    else high = middle;
  }
  ready.splice(low, 0, { key, entry, choice });
}
