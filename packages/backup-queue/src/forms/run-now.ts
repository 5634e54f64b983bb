import { optionalText } from '@archive2/core/cli/option-values.ts';
import { overviewOf } from '@archive2/core/queue/overview.ts';
import { explainHost } from '../explain-host.ts';
import { checkHostOf, findCluster, findSchedule } from '../find-cluster.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, kindOption } from '../form-spec.ts';
import { clusterWord, kindOf } from '../words.ts';

export const runNow: Form = {
  spec: formSpec({
    summary:
      'Asks for a task before all others, whatever its period, window or failures; an archive host takes it when it asks.',
    usage: ['run-now CLUSTER [--kind KIND] [--host NAME]'],
    options: { ...kindOption, host: { type: 'string', describe: 'the archive host that shall do it' } },
  }),
  run: runRunNow,
};

async function runRunNow(call: Call): Promise<void> {
  const name = clusterWord(call);
  const kind = kindOf(call.options);
  const host = optionalText(call.options, 'host');
  await call.withQueue(async (queue) => {
    const cluster = findCluster(await queue.state(), name);
    findSchedule(cluster, kind);
    if (host !== undefined) checkHostOf(cluster, host);
    await queue.runNow(name, kind, host);
    call.log.info(`${name} ${kind} is asked for`, { host: host ?? 'whichever asks first' });
    const overview = overviewOf(await queue.state());
    const schedule = overview.schedules.find((known) => known.cluster.name === name && known.schedule.kind === kind);
    for (const shown of schedule?.hosts ?? []) {
      if (schedule === undefined || (host !== undefined && shown.name !== host)) continue;
      call.log.info(`${shown.name}: ${explainHost(overview, schedule, shown, call.timeZone)}`);
    }
  });
}
