import { Failure } from '@archive2/core/base/failure.ts';
import { optionalText, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { formatTable } from '@archive2/core/cli/table.ts';
import type { BackupQueue, TaskFilter } from '@archive2/core/queue/backup-queue.ts';
import type { Task, TaskState } from '@archive2/core/queue/task.ts';
import { Faults } from '../faults.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, jsonOption } from '../form-spec.ts';
import { jsonText, taskJson, timeOf } from '../json-of.ts';
import { taskColumns, taskRows } from '../task-rows.ts';
import { listOf, optionalClusterWord, optionalKindOf } from '../words.ts';

export const history: Form = {
  spec: formSpec({
    summary: 'Shows the tasks that were given out, newest first; those of removed clusters too.',
    usage: [
      'history [CLUSTER] [--host NAME] [--kind KIND] [--state STATES] [--days N] [--limit N] [--before TASK] [--json]',
    ],
    options: {
      host: { type: 'string', describe: 'only of this archive host' },
      kind: { type: 'string', describe: 'only of this kind' },
      state: { type: 'string', describe: 'only running, succeeded, failed or lost ones; several with commas' },
      days: { type: 'string', describe: 'only what was begun in the last so many days' },
      limit: { type: 'string', default: '50', describe: 'at most so many' },
      before: { type: 'string', describe: 'only tasks before this number: for the next page' },
      ...jsonOption,
    },
    examples: [['backup-queue history --state failed,lost --days 7', 'what went wrong in the last week']],
  }),
  run: runHistory,
};

const states: readonly TaskState[] = ['running', 'succeeded', 'failed', 'lost'];
const DAY_MS = 24 * 60 * 60_000;

async function runHistory(call: Call): Promise<void> {
  const { filter, days } = readFilter(call);
  const { tasks, nowMs } = await call.withQueue((queue) => look(queue, filter, days));
  if (call.options['json'] === true) {
    return await call.print(jsonText({ now: timeOf(nowMs), tasks: tasks.map(taskJson) }));
  }
  if (tasks.length === 0) return call.log.info('the history has no such task');
  await call.print(formatTable(taskColumns, taskRows(tasks, nowMs, call.timeZone), call.layout));
  const last = tasks.at(-1);
  if (tasks.length === filter.limit && last !== undefined) {
    call.log.info(`there may be more: --before ${last.taskId}, or a larger --limit`);
  }
}

function readFilter(call: Call): { filter: TaskFilter & { limit: number }; days: number | undefined } {
  const faults = new Faults();
  const number = (name: string, max: number) =>
    call.options[name] === undefined ? undefined : faults.try(() => wholeNumber(call.options, name, 1, max));
  const cluster = faults.try(() => optionalClusterWord(call));
  const host = faults.try(() => optionalText(call.options, 'host'));
  const kind = faults.try(() => optionalKindOf(call.options));
  const state = faults.try(() => optionalText(call.options, 'state'));
  const wanted = state === undefined ? undefined : faults.try(() => listOf(state).map(parseState));
  const beforeTaskId = number('before', Number.MAX_SAFE_INTEGER);
  const limit = number('limit', 10_000) ?? 50;
  const days = number('days', 36_500);
  faults.throwIfAny();
  const filter = {
    limit,
    ...(cluster === undefined ? {} : { cluster }),
    ...(host === undefined ? {} : { host }),
    ...(kind === undefined ? {} : { kind }),
    ...(wanted === undefined ? {} : { states: wanted }),
    ...(beforeTaskId === undefined ? {} : { beforeTaskId }),
  };
  return { filter, days };
}

function parseState(text: string): TaskState {
  const state = states.find((known) => known === text);
  if (state !== undefined) return state;
  throw new Failure('usage', `--state ${JSON.stringify(text)} is no state of a task`, {
    hint: `The states are ${states.join(', ')}.`,
  });
}

async function look(
  queue: BackupQueue,
  filter: TaskFilter,
  days: number | undefined,
): Promise<{ tasks: Task[]; nowMs: number }> {
  const { nowMs } = await queue.state();
  const tasks = await queue.tasks(filter);
  // Numbers grow with the time of the beginning: what is left out is at the end.
  const sinceMs = days === undefined ? Number.NEGATIVE_INFINITY : nowMs - days * DAY_MS;
  return { tasks: tasks.filter(({ startedAtMs }) => startedAtMs >= sinceMs), nowMs };
}
