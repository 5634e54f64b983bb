import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { formatRelative, formatSpan } from '@archive2/core/cli/relative-time.ts';
import { formatTable, paint } from '@archive2/core/cli/table.ts';
import type { BackupQueue } from '@archive2/core/queue/backup-queue.ts';
import { type Overview, overviewOf, type ScheduleOverview } from '@archive2/core/queue/overview.ts';
import type { ClusterState } from '@archive2/core/queue/queue-state.ts';
import { formatStartWindow } from '@archive2/core/queue/start-window.ts';
import type { Task, Verification } from '@archive2/core/queue/task.ts';
import { spacingMs } from '@archive2/core/queue/turn-policy.ts';
import { readDurations } from '../durations.ts';
import { explainHost } from '../explain-host.ts';
import { findCluster } from '../find-cluster.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, jsonOption } from '../form-spec.ts';
import { clusterJson, jsonText, taskJson, timeOf, verificationJson } from '../json-of.ts';
import { rateAndEnd, shortProgress } from '../progress-text.ts';
import { taskColumns, taskRows } from '../task-rows.ts';
import { clusterWord } from '../words.ts';

export const show: Form = {
  spec: formSpec({
    summary:
      'Shows everything about one cluster: settings, what runs or why nothing does, what is next, the last tasks.',
    usage: ['show CLUSTER [--json]'],
    options: jsonOption,
  }),
  run: runShow,
};

interface Shown {
  overview: Overview;
  cluster: ClusterState;
  schedules: ScheduleOverview[];
  tasks: Task[];
  verifications: Verification[];
}

async function runShow(call: Call): Promise<void> {
  const name = clusterWord(call);
  const shown = await call.withQueue((queue) => look(queue, name));
  if (call.options['json'] === true) {
    return await call.print(
      jsonText({
        now: timeOf(shown.overview.nowMs),
        cluster: clusterJson(shown.cluster, shown.schedules),
        tasks: shown.tasks.map(taskJson),
        verifications: shown.verifications.map(verificationJson),
      }),
    );
  }
  await call.print(
    [
      settingsText(shown, call),
      ...shown.schedules.map((schedule) => scheduleText(shown.overview, schedule, call)),
      historyText(shown, call),
      ...(shown.verifications.length > 0 ? [verificationsText(shown, call)] : []),
    ].join('\n'),
  );
}

async function look(queue: BackupQueue, name: string): Promise<Shown> {
  const state = await queue.state();
  const cluster = findCluster(state, name);
  const overview = overviewOf(state, await readDurations(queue));
  return {
    overview,
    cluster,
    schedules: overview.schedules.filter((schedule) => schedule.cluster.name === name),
    tasks: await queue.tasks({ cluster: name, limit: 8 }),
    verifications: await queue.verifications({ cluster: name, limit: 5 }),
  };
}

function settingsText({ cluster }: Shown, { layout }: Call): string {
  const lines = [
    ['connection', cluster.conninfo],
    ['source server', cluster.sourceServer],
    ['archive hosts', cluster.archiveHosts.join(', ')],
    ['directory', cluster.directory],
    ['time zone', cluster.timeZone],
  ] as const;
  const paused = cluster.enabled ? '' : ' (paused)';
  return `${paint(`${cluster.name}${paused}`, 'title', layout)}\n${lines.map(([what, value]) => `  ${what.padEnd(15)}${value}\n`).join('')}`;
}

function scheduleText(overview: Overview, shown: ScheduleOverview, call: Call): string {
  const { cluster, schedule, hosts, running, condition } = shown;
  const { nowMs } = overview;
  const window = schedule.startWindow === undefined ? '' : `, starts ${formatStartWindow(schedule.startWindow)}`;
  const priority = schedule.priority === 0 ? '' : `, priority ${schedule.priority}`;
  const options = Object.entries(schedule.options).map(([name, value]) => `, ${name}=${value}`);
  const lines = [
    `${paint(schedule.kind, 'title', call.layout)}: ${condition}`,
    `  one every ${formatSpan(spacingMs(cluster, schedule))}, by each host every ${schedule.periodicityDays} d; keeps ${schedule.keep}${window}${priority}${options.join('')}`,
    '',
  ];
  if (running !== undefined) {
    const rate = rateAndEnd(running, nowMs);
    lines.push(
      `  ${running.host} is running it: ${shortProgress(running, nowMs)}${rate === '' ? '' : `, ${rate}`}`,
      `  task ${running.taskId}, begun ${formatLocalTime(running.startedAtMs, call.timeZone)}, last sign ${formatRelative(running.heartbeatAtMs, nowMs)}`,
    );
  } else {
    lines.push(
      '  Why is nothing running?',
      ...hosts.map((host) => `    ${host.name}: ${explainHost(overview, shown, host, call.timeZone)}`),
    );
  }
  lines.push('', '  When is the next one?', `    ${nextText(overview, shown, call)}`, '', '  Last good');
  for (const { name, lastGoodAtMs } of hosts) {
    const when =
      lastGoodAtMs === undefined
        ? 'never'
        : `${formatLocalTime(lastGoodAtMs, call.timeZone)} (${formatRelative(lastGoodAtMs, nowMs)})`;
    lines.push(`    ${name}: ${when}`);
  }
  return `${lines.join('\n')}\n`;
}

function nextText({ nowMs }: Overview, { next, hosts, running }: ScheduleOverview, { timeZone }: Call): string {
  if (next === undefined) return 'Not before what stands above is put right.';
  const host = hosts.find(({ name }) => name === next.host);
  if (next.atMs <= nowMs && host?.obstacle === undefined) return `On ${next.host}, when it asks next.`;
  const after = running === undefined ? '' : ', if the running one succeeds';
  return `${formatLocalTime(next.atMs, timeZone)} (${formatRelative(next.atMs, nowMs)}) on ${next.host}${after}`;
}

function historyText({ tasks, overview, cluster }: Shown, { layout, timeZone }: Call): string {
  if (tasks.length === 0) return 'No task of it has run yet.\n';
  const head = `Last tasks (all: backup-queue history ${cluster.name})\n`;
  return head + formatTable(taskColumns, taskRows(tasks, overview.nowMs, timeZone), layout);
}

function verificationsText({ verifications, overview }: Shown, { layout }: Call): string {
  const rows = verifications.map(({ name, host, method, endedAtMs, ok, error }) => [
    name,
    host,
    method,
    ok ? ({ text: 'good', tone: 'good' } as const) : ({ text: 'bad', tone: 'bad' } as const),
    formatRelative(endedAtMs, overview.nowMs),
    error ?? '',
  ]);
  const columns = [
    { title: 'VERIFIED', atLeast: 12 },
    { title: 'ON' },
    { title: 'BY' },
    { title: 'RESULT' },
    { title: 'WHEN' },
    { title: 'ERROR', atLeast: 16, dispensable: 1 },
  ];
  return formatTable(columns, rows, layout);
}
