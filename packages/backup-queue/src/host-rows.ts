import { formatRelative } from '@archive2/core/cli/relative-time.ts';
import type { Cell, Column } from '@archive2/core/cli/table.ts';
import { isAway } from '@archive2/core/queue/expected-starts.ts';
import type { Overview } from '@archive2/core/queue/overview.ts';

export const hostColumns: readonly Column[] = [
  { title: 'ARCHIVE HOST', atLeast: 12 },
  { title: 'ASKED' },
  { title: 'RUNNING', align: 'right' },
  { title: 'LIMIT', align: 'right' },
  { title: 'NOTE', atLeast: 24, dispensable: 1 },
];

/** One row for each archive host that the queue knows. */
export function hostRows({ hosts, nowMs, state }: Overview): Cell[][] {
  return hosts.map(({ name, seenAtMs, maxRunning, enabled }) => {
    const running = state.running.filter((task) => task.host === name).length;
    return [
      name,
      seenAtMs === undefined ? 'never' : formatRelative(Math.min(seenAtMs, nowMs), nowMs),
      String(running),
      String(maxRunning),
      noteOf(enabled, seenAtMs, isAway(state, name)),
    ];
  });
}

function noteOf(enabled: boolean, seenAtMs: number | undefined, isAway: boolean): Cell {
  if (!enabled) return { text: 'paused, gets no tasks', tone: 'warning' };
  if (seenAtMs === undefined) return { text: 'does base-backup run there, with this queue?', tone: 'warning' };
  return isAway ? { text: 'away: is its cron job there? The others do its turns', tone: 'bad' } : '';
}
