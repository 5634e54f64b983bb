import { formatDay, formatTimeOfDay } from '@archive2/core/cli/local-time.ts';
import { optionalText, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import { type Column, formatTable } from '@archive2/core/cli/table.ts';
import { isAway } from '@archive2/core/queue/expected-starts.ts';
import { plan as planTasks } from '@archive2/core/queue/plan.ts';
import type { FinishedTask } from '@archive2/core/queue/simulation.ts';
import { readDurations } from '../durations.ts';
import { findCluster } from '../find-cluster.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, jsonOption } from '../form-spec.ts';
import { jsonText, plannedJson, timeOf } from '../json-of.ts';
import { optionalClusterWord } from '../words.ts';

export const plan: Form = {
  spec: formSpec({
    summary: 'Plays the schedule forward: which archive host begins which task when, if every task succeeds.',
    usage: ['plan [CLUSTER] [--days 14] [--host NAME] [--json]'],
    options: {
      days: { type: 'string', default: '14', describe: 'how far to look ahead' },
      host: { type: 'string', describe: 'only what this archive host does' },
      ...jsonOption,
    },
  }),
  run: runPlan,
};

const columns: readonly Column[] = [
  { title: 'DAY' },
  { title: 'BEGINS' },
  { title: 'CLUSTER', atLeast: 12 },
  { title: 'KIND', dispensable: 1 },
  { title: 'HOST', atLeast: 8 },
  { title: 'TAKES ABOUT', align: 'right', dispensable: 2 },
];

async function runPlan(call: Call): Promise<void> {
  const name = optionalClusterWord(call);
  const host = optionalText(call.options, 'host');
  const days = wholeNumber(call.options, 'days', 1, 366);
  const { state, durationMs } = await call.withQueue(async (queue) => {
    return { state: await queue.state(), durationMs: await readDurations(queue) };
  });
  if (name !== undefined) findCluster(state, name);
  const away = state.hosts.filter((known) => isAway(state, known.name)).map((known) => known.name);
  const tasks = planTasks(state, days, { durationMs, isUp: (asked) => !away.includes(asked) }).filter(
    (task) => (name === undefined || task.cluster === name) && (host === undefined || task.host === host),
  );
  if (call.options['json'] === true) {
    return await call.print(jsonText({ now: timeOf(state.nowMs), tasks: tasks.map(plannedJson) }));
  }
  if (tasks.length > 0) await call.print(formatTable(columns, calendarRows(tasks, call.timeZone), call.layout));
  const why = tasks.length > 0 ? '' : `; why: backup-queue ${name === undefined ? 'list' : `show ${name}`}`;
  call.log.info(`${tasks.length} task${tasks.length === 1 ? '' : 's'} in ${days} days, if every task succeeds${why}`);
  if (away.length > 0) call.log.warning(`left out, as they have not asked for hours: ${away.join(', ')}`);
}

/** A day is told once. Pure. */
function calendarRows(tasks: readonly FinishedTask[], timeZone: string): string[][] {
  let lastDay = '';
  return tasks.map(({ startedAtMs, endedAtMs, cluster, kind, host }) => {
    const day = formatDay(startedAtMs, timeZone);
    const shown = day === lastDay ? '' : day;
    lastDay = day;
    return [
      shown,
      formatTimeOfDay(startedAtMs, timeZone),
      cluster,
      kind,
      host,
      formatDuration(endedAtMs - startedAtMs),
    ];
  });
}
