import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { formatRelative, formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { Cell, Column, Tone } from '@archive2/core/cli/table.ts';
import type { HostOverview, Overview, ScheduleCondition, ScheduleOverview } from '@archive2/core/queue/overview.ts';
import { hostOf } from '@archive2/core/queue/turn-policy.ts';
import { shortProgress } from './progress-text.ts';

export const scheduleColumns: readonly Column[] = [
  { title: 'CLUSTER', atLeast: 12 },
  { title: 'KIND', dispensable: 2 },
  { title: 'STATE' },
  { title: 'HOST', atLeast: 8 },
  { title: 'LAST GOOD', dispensable: 3 },
  { title: 'AGE' },
  { title: 'NEXT' },
  { title: 'NOTE', atLeast: 24, dispensable: 1 },
];

const tones: Readonly<Record<ScheduleCondition, Tone>> = {
  running: 'good',
  paused: 'faint',
  attention: 'bad',
  overdue: 'bad',
  failing: 'warning',
  new: 'warning',
  ok: 'good',
};

/** One row for each archive host of a schedule; what they share is in the first one only. */
export function scheduleRows(overview: Overview, schedule: ScheduleOverview, timeZone: string): Cell[][] {
  const { cluster, condition } = schedule;
  const shared: Cell[] = [cluster.name, schedule.schedule.kind, { text: condition, tone: tones[condition] }];
  return schedule.hosts.map((host, index) => {
    const { lastGoodAtMs } = host;
    return [
      ...(index === 0 ? shared : ['', '', '']),
      host.name,
      lastGoodAtMs === undefined ? '-' : formatLocalTime(lastGoodAtMs, timeZone),
      lastGoodAtMs === undefined ? 'never' : formatSpan(Math.max(0, overview.nowMs - lastGoodAtMs)),
      nextCell(overview, schedule, host),
      noteCell(overview, schedule, host),
    ];
  });
}

function nextCell(
  { nowMs }: Overview,
  { running }: ScheduleOverview,
  { name, obstacle, nextAtMs }: HostOverview,
): Cell {
  if (running?.host === name) return { text: 'running', tone: 'good' };
  if (nextAtMs === undefined) return '-';
  return obstacle === undefined && nextAtMs <= nowMs ? 'when it asks' : formatRelative(nextAtMs, nowMs);
}

function noteCell({ nowMs, state }: Overview, { running, schedule }: ScheduleOverview, host: HostOverview): Cell {
  const failures = `${host.failures} failure${host.failures === 1 ? '' : 's'}`;
  if (running?.host === host.name) return shortProgress(running, nowMs);
  if (host.needsAttention) return { text: `needs attention, ${failures}: ${host.lastError ?? 'unknown'}`, tone: 'bad' };
  if (host.failures > 0) {
    const again = host.obstacle === 'backed_off' ? '' : ', tries again';
    return { text: `${failures}${again}: ${host.lastError ?? 'unknown'}`, tone: 'warning' };
  }
  if (host.isPaused) return { text: 'host paused', tone: 'faint' };
  const seenAtMs = hostOf(state.hosts, host.name).seenAtMs;
  if (seenAtMs === undefined) return { text: 'has never asked', tone: 'warning' };
  if (host.isAway) return { text: `asked last ${formatRelative(seenAtMs, nowMs)}`, tone: 'warning' };
  if (host.verdict.isRunNow) return 'asked for';
  if (host.obstacle === 'host_busy') return 'the host has its limit of tasks';
  if (host.obstacle === 'server_busy') return 'the source server has its limit of tasks';
  return schedule.startWindow !== undefined && host.obstacle === 'window_closed' ? 'waits for its start window' : '';
}
