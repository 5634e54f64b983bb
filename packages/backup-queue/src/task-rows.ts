import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import type { Cell, Column, Tone } from '@archive2/core/cli/table.ts';
import type { Task, TaskState } from '@archive2/core/queue/task.ts';
import { shortProgress } from './progress-text.ts';

export const taskColumns: readonly Column[] = [
  { title: 'TASK', align: 'right' },
  { title: 'CLUSTER', atLeast: 12 },
  { title: 'KIND', dispensable: 3 },
  { title: 'HOST', atLeast: 8 },
  { title: 'STATE' },
  { title: 'BEGUN' },
  { title: 'TOOK', align: 'right' },
  { title: 'STORED', align: 'right', dispensable: 4 },
  { title: 'RESULT', atLeast: 16, dispensable: 1 },
];

const tones: Readonly<Record<TaskState, Tone>> = {
  running: 'good',
  succeeded: 'good',
  failed: 'bad',
  lost: 'bad',
};

/** One row for each task of the history. The result is the backup's name, or why there is none. */
export function taskRows(tasks: readonly Task[], nowMs: number, timeZone: string): Cell[][] {
  return tasks.map((task) => [
    String(task.taskId),
    task.cluster,
    task.kind,
    task.host,
    { text: task.state, tone: tones[task.state] },
    formatLocalTime(task.startedAtMs, timeZone),
    task.endedAtMs === undefined ? '' : formatDuration(task.endedAtMs - task.startedAtMs),
    task.result.storedBytes === undefined ? '' : formatBytes(task.result.storedBytes),
    task.state === 'running' ? shortProgress(task, nowMs) : (task.error ?? task.result.name ?? ''),
  ]);
}
