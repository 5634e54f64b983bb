import { optionalText } from '@archive2/core/cli/option-values.ts';
import { checkHostOf, findCluster, findSchedule } from '../find-cluster.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, kindOption } from '../form-spec.ts';
import { clusterWord, kindOf } from '../words.ts';

export const retry: Form = {
  spec: formSpec({
    summary:
      'Forgets the failures of a cluster’s archive hosts, when what failed was put right: they are in turn again, at once.',
    usage: ['retry CLUSTER [--kind KIND] [--host NAME]'],
    options: { ...kindOption, host: { type: 'string', describe: 'only this archive host' } },
  }),
  run: runRetry,
};

async function runRetry(call: Call): Promise<void> {
  const name = clusterWord(call);
  const kind = kindOf(call.options);
  const host = optionalText(call.options, 'host');
  const hosts = await call.withQueue(async (queue) => {
    const cluster = findCluster(await queue.state(), name);
    findSchedule(cluster, kind);
    if (host !== undefined) checkHostOf(cluster, host);
    return await queue.retry(name, kind, host);
  });
  if (hosts.length === 0) call.log.info(`${name} ${kind} had no failures to forget`);
  else call.log.info(`${name} ${kind} is in turn again`, { hosts: hosts.join(',') });
}
