import { chooseTask, judge, occupationOf } from './claim-policy.ts';
import { withLostTasks, withTurn } from './lost-tasks.ts';
import type { ClusterState, HostState, QueueState, RunningTask, ScheduleState } from './queue-state.ts';
import { earliestStartMs } from './standings.ts';
import { type TaskKind, taskKinds } from './task-kind.ts';
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

interface Entry {
  cluster: ClusterState;
  schedule: ScheduleState;
}

/**
 * Plays the queue's rules forward from a state, and yields the tasks as they begin, each with its end; `state` is what is left
 * when the end is reached. The tasks that run at the beginning end at once, and well. Nothing but the rules of this folder
 * decides; this only leaves out the schedules whose time has not come.
 */
export class Simulation {
  #state: QueueState;
  readonly #world: World;
  readonly #entries = new Map<string, Entry>();
  readonly #hosts: ReadonlySet<string>;
  /** By host: schedule and the moment before which looking at it is of no use. */
  readonly #waiting = new Map<string, Map<string, number>>();
  /** By host: the earliest of these. */
  readonly #nextLookMs = new Map<string, number>();
  readonly #ends = new Map<number, FinishedTask>();
  #present = '';
  #nextTaskId = 1;

  constructor(state: QueueState, world: World) {
    this.#state = withLostTasks(state);
    this.#world = world;
    this.#hosts = new Set(this.#state.clusters.flatMap(({ archiveHosts }) => archiveHosts));
    for (const cluster of this.#state.clusters) {
      for (const schedule of cluster.schedules)
        this.#entries.set(`${cluster.name}/${schedule.kind}`, {
          cluster: { ...cluster, schedules: [schedule] },
          schedule,
        });
    }
    for (const task of this.#state.running) {
      this.#ends.set(task.taskId, { ...task, endedAtMs: this.#state.nowMs, error: undefined });
      this.#nextTaskId = Math.max(this.#nextTaskId, task.taskId + 1);
    }
  }

  /** With the clusters as they are now. */
  get state(): QueueState {
    const clusters = this.#state.clusters.map((cluster) => {
      const schedules = cluster.schedules.map(
        (schedule) => this.#entries.get(`${cluster.name}/${schedule.kind}`)?.schedule ?? schedule,
      );
      return { ...cluster, schedules };
    });
    return { ...this.#state, clusters };
  }

  *until(endMs: number): Generator<FinishedTask> {
    for (; this.#state.nowMs < endMs; this.#advance()) {
      this.#end();
      for (const host of this.#hosts) {
        if (!this.#world.isUp(host, this.#state.nowMs)) continue;
        this.#see(host);
        // Cron starts one worker; but a host that runs several at once gets there by its next calls, so they may all be now.
        for (let task = this.#claim(host); task !== undefined; task = this.#claim(host)) yield task;
      }
    }
  }

  #advance(): void {
    this.#state = { ...this.#state, nowMs: this.#state.nowMs + this.#world.askEveryMs };
  }

  /** Ends what has run for its time. */
  #end(): void {
    for (const [taskId, task] of this.#ends) {
      if (task.endedAtMs > this.#state.nowMs) continue;
      this.#ends.delete(taskId);
      this.#state = { ...this.#state, running: this.#state.running.filter((running) => running.taskId !== taskId) };
      const key = `${task.cluster}/${task.kind}`;
      const entry = this.#entries.get(key);
      if (entry === undefined) continue;
      const [cluster = entry.cluster] = withTurn([entry.cluster], task, () => {
        return task.error === undefined
          ? afterSuccess(entry.schedule, task.host, task.dueAtMs, task.startedAtMs)
          : afterFailure(turnOf(entry.schedule, task.host), task.error, task.endedAtMs);
      });
      this.#change(key, cluster, task.kind);
    }
  }

  #change(key: string, cluster: ClusterState, kind: TaskKind): void {
    for (const schedule of cluster.schedules) {
      if (schedule.kind === kind) this.#entries.set(key, { cluster: { ...cluster, schedules: [schedule] }, schedule });
    }
    for (const waiting of this.#waiting.values()) waiting.delete(key);
    this.#nextLookMs.clear();
  }

  /** Notes that the host asks. Who is there decides whose turns there are: a change of that lets all be looked at again. */
  #see(name: string): void {
    const { nowMs } = this.#state;
    const others = this.#state.hosts.filter((host) => host.name !== name);
    const known = this.#state.hosts.find((host) => host.name === name);
    const seen: HostState = { ...(known ?? { name, maxRunning: 1, enabled: true }), seenAtMs: nowMs };
    this.#state = { ...this.#state, hosts: [...others, seen] };
    const present = this.#state.hosts
      .filter(({ seenAtMs }) => seenAtMs !== undefined && nowMs - seenAtMs <= ABSENT_AFTER_MS)
      .map((host) => host.name)
      .sort()
      .join(' ');
    if (present === this.#present) return;
    this.#present = present;
    this.#waiting.clear();
    this.#nextLookMs.clear();
  }

  #claim(host: string): FinishedTask | undefined {
    const { nowMs, running, hosts } = this.#state;
    const occupation = occupationOf(running);
    // The last look found nothing that could be free by now, or the host is full: what judge() would say of every schedule.
    if (nowMs < (this.#nextLookMs.get(host) ?? 0)) return undefined;
    if ((occupation.byHost.get(host) ?? 0) >= hostOf(hosts, host).maxRunning) return undefined;
    const waiting = this.#waiting.get(host) ?? new Map<string, number>();
    this.#waiting.set(host, waiting);
    const free: ClusterState[] = [];
    let nextLookMs = Number.POSITIVE_INFINITY;
    for (const [key, { cluster, schedule }] of this.#entries) {
      let untilMs = waiting.get(key) ?? nowMs;
      if (untilMs <= nowMs) {
        const { obstacle, dueAtMs } = judge(this.#state, occupation, cluster, schedule, host);
        if (obstacle === undefined) free.push(cluster);
        if (obstacle === 'not_due' || obstacle === 'backed_off' || obstacle === 'window_closed') {
          untilMs = earliestStartMs(cluster, schedule, host, dueAtMs, nowMs);
          waiting.set(key, untilMs);
        }
      }
      nextLookMs = Math.min(nextLookMs, untilMs);
    }
    this.#nextLookMs.set(host, nextLookMs);
    const choice = chooseTask({ ...this.#state, clusters: free }, { host, kinds: taskKinds });
    return choice && this.#start(choice.cluster, choice.schedule, host, choice.verdict.dueAtMs);
  }

  #start(cluster: ClusterState, schedule: ScheduleState, host: string, dueAtMs: number): FinishedTask {
    const startedAtMs = this.#state.nowMs;
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
    this.#state = { ...this.#state, running: [...this.#state.running, running] };
    const key = `${cluster.name}/${schedule.kind}`;
    this.#change(key, { ...cluster, schedules: [{ ...schedule, runNow: undefined }] }, schedule.kind);
    return finished;
  }
}
