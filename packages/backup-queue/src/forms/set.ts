import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { optionalText, wholeNumber } from '@archive2/core/cli/option-values.ts';
import { checkCluster, checkSchedule } from '@archive2/core/queue/check-settings.ts';
import { defaultScheduleSettings } from '@archive2/core/queue/cluster-settings.ts';
import { Faults } from '../faults.ts';
import { findCluster } from '../find-cluster.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, kindOption } from '../form-spec.ts';
import { readClusterOptions, readScheduleOptions, settingsOptions } from '../settings-options.ts';
import { clusterWord, kindOf } from '../words.ts';

const spec = formSpec({
  summary: 'Changes the settings of a cluster, or how many tasks an archive host or a source server may have at once.',
  usage: [
    'set CLUSTER [--kind KIND] [settings]      a kind that it does not have yet is added',
    'set --host NAME --max-running N           of an archive host',
    'set --server NAME --max-running N         of a source server',
  ],
  options: {
    ...settingsOptions,
    ...kindOption,
    host: { type: 'string', describe: 'the archive host to change' },
    'max-running': { type: 'string', describe: 'tasks that it may have at once; 1 where nothing was set' },
  },
});

export const set: Form = { spec, run: (call) => (call.words.length === 0 ? setLimit(call) : setCluster(call)) };

async function setLimit(call: Call): Promise<void> {
  const { options } = call;
  const host = optionalText(options, 'host');
  const server = optionalText(options, 'server');
  const place = host ?? server;
  if (place === undefined || (host !== undefined && server !== undefined)) {
    throw usageFailure(spec, 'set takes a cluster, --host or --server');
  }
  if (options['max-running'] === undefined) throw usageFailure(spec, '--max-running is missing');
  const maxRunning = wholeNumber(options, 'max-running', 1, 1000);
  await call.withQueue(async (queue) => {
    if (host !== undefined) await queue.changeHost(host, { maxRunning });
    else await queue.changeServer(place, { maxRunning });
  });
  call.log.info(`${host === undefined ? 'source server' : 'archive host'} ${place} may have ${maxRunning} at once`);
}

async function setCluster(call: Call): Promise<void> {
  const { options } = call;
  const name = clusterWord(call);
  for (const limit of ['host', 'max-running']) {
    if (options[limit] !== undefined) throw usageFailure(spec, `--${limit} is no setting of a cluster`);
  }
  const faults = new Faults();
  const kind = faults.try(() => kindOf(options)) ?? 'base';
  const clusterChange = readClusterOptions(options, faults);
  await call.withQueue(async (queue) => {
    const cluster = findCluster(await queue.state(), name);
    const schedule = cluster.schedules.find((known) => known.kind === kind);
    const scheduleChange = readScheduleOptions(options, faults, schedule?.options);
    faults.try(() => checkCluster({ ...cluster, ...clusterChange }));
    faults.try(() => checkSchedule({ ...defaultScheduleSettings, ...schedule, ...scheduleChange, kind }));
    faults.throwIfAny();
    const changesCluster = Object.keys(clusterChange).length > 0;
    const changesSchedule = Object.keys(scheduleChange).length > 0;
    // "set main --kind dump" alone adds the kind with its defaults.
    const addsSchedule = schedule === undefined && (changesSchedule || !changesCluster);
    if (!changesCluster && !changesSchedule && !addsSchedule) throw usageFailure(spec, 'no setting is given');
    if (changesCluster) await queue.changeCluster(name, clusterChange);
    if (changesSchedule || addsSchedule) await queue.changeSchedule(name, kind, scheduleChange);
    if (addsSchedule) call.log.info(`${name} has ${kind} tasks now; the first one is due at once`);
  });
  call.log.info(`${name} is changed`, { see: `backup-queue show ${name}` });
}
