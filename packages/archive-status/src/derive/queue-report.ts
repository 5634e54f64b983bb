import { overviewOf, type ScheduleOverview } from '@archive2/core/queue/overview.ts';
import type { RunningTask } from '@archive2/core/queue/queue-state.ts';
import type { Task } from '@archive2/core/queue/task.ts';
import { spacingMs } from '@archive2/core/queue/turn-policy.ts';
import type { AttemptReport, QueueReport, RunningReport, ScheduleReport } from '../model/backup-report.ts';
import type { QueueLook } from '../sources/queue-watch.ts';

const HOUR_MS = 60 * 60_000;
/** So many of the last successes say how long one takes. */
const measured = 5;

/** What a queue says of one cluster. Pure. */
export function queueReport(look: QueueLook, cluster: string): QueueReport {
  const durations = (name: string) => expectedMs(look.tasks.get(name) ?? [], 'base') ?? HOUR_MS;
  const { nowMs, schedules } = overviewOf(look.state, durations);
  const tasks = look.tasks.get(cluster) ?? [];
  return {
    nowAtMs: nowMs,
    schedules: schedules.filter((it) => it.cluster.name === cluster).map((it) => scheduleReport(it, tasks)),
  };
}

function scheduleReport(overview: ScheduleOverview, tasks: readonly Task[]): ScheduleReport {
  const { cluster, schedule, condition, running, hosts, lastGoodAtMs, next } = overview;
  const own = tasks.filter(({ kind }) => kind === schedule.kind);
  return {
    kind: schedule.kind,
    condition,
    spacingMs: spacingMs(cluster, schedule),
    lastGoodAtMs: lastGoodAtMs ?? null,
    next: next ?? null,
    running: running === undefined ? null : runningReport(running, expectedMs(own, schedule.kind)),
    hosts: hosts.map((host) => ({
      host: host.name,
      lastGoodAtMs: host.lastGoodAtMs ?? null,
      lastAttempt: attemptOf(own.find((task) => task.host === host.name)),
      failures: host.failures,
      lastError: host.lastError ?? null,
      nextAtMs: host.nextAtMs ?? null,
      needsAttention: host.needsAttention,
      isPaused: host.isPaused,
      isAway: host.isAway,
    })),
  };
}

function runningReport(task: RunningTask, expected: number | undefined): RunningReport {
  const { taskId, host, startedAtMs, heartbeatAtMs, leaseUntilMs, progress } = task;
  return {
    taskId,
    host,
    startedAtMs,
    heartbeatAtMs,
    leaseUntilAtMs: leaseUntilMs,
    doneBytes: progress?.doneBytes ?? null,
    totalBytes: progress?.totalBytes ?? null,
    expectedMs: expected ?? null,
  };
}

function attemptOf(task: Task | undefined): AttemptReport | null {
  if (task === undefined) return null;
  const { state, startedAtMs, endedAtMs, error } = task;
  return { state, startedAtMs, endedAtMs: endedAtMs ?? null, error: error ?? null };
}

/** The median of the last successes of a kind; undefined without any. By tasks, newest first. */
function expectedMs(tasks: readonly Task[], kind: string): number | undefined {
  const taken = tasks
    .filter((task) => task.kind === kind && task.state === 'succeeded')
    .slice(0, measured)
    .flatMap(({ startedAtMs, endedAtMs }) => (endedAtMs === undefined ? [] : [endedAtMs - startedAtMs]))
    .sort((a, b) => a - b);
  return taken[Math.floor(taken.length / 2)];
}
