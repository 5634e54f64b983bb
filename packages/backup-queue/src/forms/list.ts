import { optionalText } from '@archive2/core/cli/option-values.ts';
import { formatTable } from '@archive2/core/cli/table.ts';
import { type Overview, overviewOf, type ScheduleOverview } from '@archive2/core/queue/overview.ts';
import { readDurations } from '../durations.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, jsonOption } from '../form-spec.ts';
import { hostColumns, hostRows } from '../host-rows.ts';
import { jsonText, overviewJson } from '../json-of.ts';
import { scheduleColumns, scheduleRows } from '../schedule-rows.ts';
import { optionalKindOf, refuseWords } from '../words.ts';

export const list: Form = {
  spec: formSpec({
    summary:
      'Shows all clusters: what runs, the last good backup of each archive host, what is next, what needs attention.',
    usage: ['list [--problems] [--host NAME] [--kind KIND] [--json]'],
    options: {
      problems: { type: 'boolean', default: false, describe: 'only those that are overdue, failing or need attention' },
      host: { type: 'string', describe: 'only clusters of this archive host' },
      kind: { type: 'string', describe: 'only tasks of this kind' },
      ...jsonOption,
    },
  }),
  run: runList,
};

const problems = new Set(['attention', 'overdue', 'failing']);

async function runList(call: Call): Promise<void> {
  refuseWords(call.words);
  const host = optionalText(call.options, 'host');
  const kind = optionalKindOf(call.options);
  const overview = await call.withQueue(async (queue) => {
    return overviewOf(await queue.state(), await readDurations(queue));
  });
  const shown = overview.schedules.filter(({ cluster, schedule, condition, hosts }) => {
    const isProblem = problems.has(condition) || hosts.some(({ needsAttention }) => needsAttention);
    if (call.options['problems'] === true && !isProblem) return false;
    return (
      (host === undefined || cluster.archiveHosts.includes(host)) && (kind === undefined || schedule.kind === kind)
    );
  });
  if (call.options['json'] === true) return await call.print(jsonText(overviewJson(overview, shown)));
  if (overview.schedules.length === 0) {
    return call.log.info('the queue has no clusters: add one with backup-queue add');
  }
  if (shown.length > 0) {
    const rows = shown.flatMap((schedule) => scheduleRows(overview, schedule, call.timeZone));
    await call.print(`${formatTable(scheduleColumns, rows, call.layout)}\n`);
  }
  await call.print(`${formatTable(hostColumns, hostRows(overview), call.layout)}\n${summary(overview, shown)}`);
}

/** "12 clusters: 1 running, 2 need attention (main, shop). Why: backup-queue show main". */
function summary({ schedules }: Overview, shown: readonly ScheduleOverview[]): string {
  const count = new Set(schedules.map(({ cluster }) => cluster.name)).size;
  const running = schedules.filter((schedule) => schedule.running !== undefined).length;
  const attention = nameSet(schedules.filter(({ hosts }) => hosts.some(({ needsAttention }) => needsAttention)));
  const overdue = nameSet(schedules.filter(({ condition }) => condition === 'overdue'));
  const parts = [`${running} running`];
  if (attention.length > 0) parts.push(`${attention.length} in need of attention (${few(attention)})`);
  if (overdue.length > 0) parts.push(`${overdue.length} overdue (${few(overdue)})`);
  const [first] = [...attention, ...overdue];
  const why = first === undefined ? '' : ` Why: backup-queue show ${first}`;
  const hidden = schedules.length > shown.length ? `, ${shown.length} of ${schedules.length} schedules shown` : '';
  return `${count} cluster${count === 1 ? '' : 's'}: ${parts.join(', ')}${hidden}.${why}\n`;
}

function nameSet(schedules: readonly ScheduleOverview[]): string[] {
  return [...new Set(schedules.map(({ cluster }) => cluster.name))];
}

function few(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(', ')}, …` : names.join(', ');
}
