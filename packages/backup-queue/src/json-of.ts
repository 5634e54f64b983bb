/*
 * What `--json` prints: docs/backup-queue.md describes it, and promises that fields are only ever added. Times are ISO 8601 in UTC,
 * what is not known is null.
 */
import type { HostOverview, Overview, ScheduleOverview } from '@archive2/core/queue/overview.ts';
import type { ClusterState, HostState } from '@archive2/core/queue/queue-state.ts';
import type { FinishedTask } from '@archive2/core/queue/simulation.ts';
import { formatStartWindow } from '@archive2/core/queue/start-window.ts';
import type { Progress, Task, TaskResult, Verification } from '@archive2/core/queue/task.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';

export function jsonText(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

export function timeOf(atMs: number | undefined): string | null {
  return atMs === undefined ? null : new Date(atMs).toISOString();
}

export function overviewJson(overview: Overview, shown: readonly ScheduleOverview[] = overview.schedules): object {
  const clusters = [...Map.groupBy(shown, ({ cluster }) => cluster)];
  return {
    now: timeOf(overview.nowMs),
    clusters: clusters.map(([cluster, schedules]) => clusterJson(cluster, schedules)),
    hosts: overview.hosts.map((host) => hostJson(overview, host)),
  };
}

export function clusterJson(cluster: ClusterState, schedules: readonly ScheduleOverview[]): object {
  return {
    name: cluster.name,
    conninfo: cluster.conninfo,
    archiveHosts: cluster.archiveHosts,
    directory: cluster.directory,
    sourceServer: cluster.sourceServer,
    timeZone: cluster.timeZone,
    enabled: cluster.enabled,
    schedules: schedules.map(scheduleJson),
  };
}

function scheduleJson({ schedule, condition, running, hosts, lastGoodAtMs, next }: ScheduleOverview): object {
  return {
    kind: schedule.kind,
    state: condition,
    periodicityDays: schedule.periodicityDays,
    keep: schedule.keep,
    window: schedule.startWindow === undefined ? null : formatStartWindow(schedule.startWindow),
    priority: schedule.priority,
    failureLimit: schedule.failureLimit,
    enabled: schedule.enabled,
    options: schedule.options,
    lastGoodAt: timeOf(lastGoodAtMs),
    next: next === undefined ? null : { host: next.host, at: timeOf(next.atMs) },
    running:
      running === undefined
        ? null
        : {
            taskId: running.taskId,
            host: running.host,
            startedAt: timeOf(running.startedAtMs),
            heartbeatAt: timeOf(running.heartbeatAtMs),
            leaseUntil: timeOf(running.leaseUntilMs),
            ...progressJson(running.progress),
          },
    hosts: hosts.map(hostOfScheduleJson),
  };
}

function hostOfScheduleJson(host: HostOverview): object {
  return {
    name: host.name,
    obstacle: host.obstacle ?? null,
    freeAt: timeOf(host.freeAtMs),
    nextAt: timeOf(host.nextAtMs),
    dueAt: timeOf(host.verdict.dueAtMs),
    askedFor: host.verdict.isRunNow,
    lastGoodAt: timeOf(host.lastGoodAtMs),
    failures: host.failures,
    lastError: host.lastError ?? null,
    needsAttention: host.needsAttention,
  };
}

function hostJson({ state }: Overview, { name, seenAtMs, maxRunning, enabled }: HostState): object {
  const running = state.running.filter((task) => task.host === name).length;
  return { name, seenAt: timeOf(seenAtMs), enabled, maxRunning, running };
}

function progressJson(progress: Progress | undefined): object {
  return { doneBytes: progress?.doneBytes ?? null, totalBytes: progress?.totalBytes ?? null };
}

export function taskJson({
  dueAtMs,
  startedAtMs,
  heartbeatAtMs,
  leaseUntilMs,
  endedAtMs,
  progress,
  ...task
}: Task): object {
  return {
    taskId: task.taskId,
    kind: task.kind,
    cluster: task.cluster,
    host: task.host,
    sourceServer: task.sourceServer,
    state: task.state,
    dueAt: timeOf(dueAtMs),
    startedAt: timeOf(startedAtMs),
    heartbeatAt: timeOf(heartbeatAtMs),
    leaseUntil: timeOf(leaseUntilMs),
    endedAt: timeOf(endedAtMs),
    ...progressJson(progress),
    error: task.error ?? null,
    result: resultJson(task.result),
  };
}

function resultJson(result: TaskResult): object {
  return {
    name: result.name ?? null,
    sourceBytes: result.sourceBytes ?? null,
    storedBytes: result.storedBytes ?? null,
    startLsn: result.startLsn === undefined ? null : formatLsn(result.startLsn),
    stopLsn: result.stopLsn === undefined ? null : formatLsn(result.stopLsn),
    timeline: result.timeline ?? null,
    systemIdentifier: result.systemIdentifier ?? null,
    serverVersion: result.serverVersion ?? null,
    toolVersion: result.toolVersion ?? null,
    basedOnTaskId: result.basedOnTaskId ?? null,
    details: result.details ?? {},
  };
}

export function verificationJson({ startedAtMs, endedAtMs, ...verification }: Verification): object {
  return {
    ...verification,
    taskId: verification.taskId ?? null,
    startedAt: timeOf(startedAtMs),
    endedAt: timeOf(endedAtMs),
    error: verification.error ?? null,
  };
}

export function plannedJson({ cluster, kind, host, dueAtMs, startedAtMs, endedAtMs }: FinishedTask): object {
  return { cluster, kind, host, dueAt: timeOf(dueAtMs), startsAt: timeOf(startedAtMs), endsAt: timeOf(endedAtMs) };
}
