import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { formatRelative, formatSpan } from '@archive2/core/cli/relative-time.ts';
import { defaultMaxRunning } from '@archive2/core/queue/cluster-settings.ts';
import type { HostOverview, Overview, ScheduleOverview } from '@archive2/core/queue/overview.ts';
import type { RunningTask } from '@archive2/core/queue/queue-state.ts';
import { formatStartWindow } from '@archive2/core/queue/start-window.ts';
import { hostOf, turnOf } from '@archive2/core/queue/turn-policy.ts';

/** Why an archive host does not begin a schedule's task now, or when it will, in one sentence for a person; with what to do about it. */
export function explainHost(
  overview: Overview,
  schedule: ScheduleOverview,
  host: HostOverview,
  timeZone: string,
): string {
  const { nowMs, state } = overview;
  const { cluster } = schedule;
  const kind = schedule.schedule.kind;
  const at = (atMs: number) => `${formatLocalTime(atMs, timeZone)} (${formatRelative(atMs, nowMs)})`;
  const turn = turnOf(schedule.schedule, host.name);
  const failed = `${turn.failures} ${turn.failures === 1 ? 'failure' : 'failures in a row'}, the last: ${turn.lastError ?? 'unknown'}`;
  switch (host.obstacle) {
    case undefined:
      return explainWaiting(overview, schedule, host);
    case 'not_its_host':
      return 'is not one of its archive hosts';
    case 'cluster_paused':
      return `the cluster is paused: backup-queue resume ${cluster.name}`;
    case 'schedule_paused':
      return `its ${kind} tasks are paused: backup-queue resume ${cluster.name} --kind ${kind}`;
    case 'host_paused':
      return `the archive host is paused: backup-queue resume --host ${host.name}`;
    case 'running': {
      const task = schedule.running;
      const since = task === undefined ? '' : ` for ${formatSpan(nowMs - task.startedAtMs)}`;
      return task?.host === host.name
        ? `is running it${since}`
        : `${task?.host ?? 'another host'} is running it${since}`;
    }
    case 'needs_attention':
      return `${failed}. Put it right, then: backup-queue retry ${cluster.name} --kind ${kind} --host ${host.name}`;
    case 'backed_off':
      return `${failed}. It tries again ${at(host.freeAtMs ?? nowMs)}; at once with: backup-queue retry ${cluster.name} --kind ${kind}`;
    case 'not_due':
      return `not due before ${at(host.freeAtMs ?? host.verdict.dueAtMs)}`;
    case 'window_closed': {
      const { startWindow } = schedule.schedule;
      const window = startWindow === undefined ? '' : ` ${formatStartWindow(startWindow)} ${cluster.timeZone}`;
      return `due, but its start window${window} opens ${at(host.freeAtMs ?? nowMs)}`;
    }
    case 'host_busy': {
      const running = state.running.filter((task) => task.host === host.name);
      const { maxRunning } = hostOf(state.hosts, host.name);
      return `due, but the archive host has its limit of ${maxRunning}: ${named(running)}${queueAhead(overview, schedule, host)}`;
    }
    case 'server_busy': {
      const running = state.running.filter((task) => task.sourceServer === cluster.sourceServer);
      const limit = state.servers.find(({ name }) => name === cluster.sourceServer)?.maxRunning ?? defaultMaxRunning;
      return `due, but source server ${cluster.sourceServer} has its limit of ${limit}: ${named(running)}`;
    }
  }
}

function explainWaiting(overview: Overview, schedule: ScheduleOverview, host: HostOverview): string {
  const { nowMs, state } = overview;
  const seenAtMs = state.hosts.find(({ name }) => name === host.name)?.seenAtMs;
  const cron = `Look at the cron job of base-backup on ${host.name}.`;
  if (seenAtMs === undefined) return `due, but ${host.name} has never asked for a task. ${cron}`;
  const asked = `it asked last ${formatRelative(seenAtMs, nowMs)}`;
  if (host.isAway) return `due, but ${host.name} does not ask any more (${asked}). ${cron}`;
  const failed = host.failures > 0 ? `; its last try failed: ${host.lastError ?? 'unknown'}` : '';
  return `begins when ${host.name} asks next (${asked})${failed}${queueAhead(overview, schedule, host)}`;
}

/** Which tasks the host gets before this one. */
function queueAhead({ schedules }: Overview, schedule: ScheduleOverview, host: HostOverview): string {
  const ahead = schedules.filter((other) => {
    if (other === schedule) return false;
    const same = other.hosts.find(({ name }) => name === host.name);
    return same !== undefined && same.obstacle === host.obstacle && goesBefore(same, host);
  });
  if (ahead.length === 0) return '';
  const names = ahead.slice(0, 3).map((other) => `${other.cluster.name} ${other.schedule.kind}`);
  const more = ahead.length > names.length ? ` and ${ahead.length - names.length} more` : '';
  return `; before it: ${names.join(', ')}${more}`;
}

function goesBefore({ verdict: a }: HostOverview, { verdict: b }: HostOverview): boolean {
  return a.isRunNow === b.isRunNow ? a.rankMs < b.rankMs : a.isRunNow;
}

function named(running: readonly RunningTask[]): string {
  return running.map(({ cluster, kind, host }) => `${cluster} ${kind} on ${host}`).join(', ');
}
