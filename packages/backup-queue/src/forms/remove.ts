import { Failure } from '@archive2/core/base/failure.ts';
import { canAsk, confirm } from '@archive2/core/cli/terminal.ts';
import { findCluster } from '../find-cluster.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import { clusterWord } from '../words.ts';

export const remove: Form = {
  spec: formSpec({
    summary: 'Removes a cluster from the queue. Its history stays, and nothing on the archive hosts is touched.',
    usage: ['remove CLUSTER [--yes] [--even-if-running]'],
    options: {
      yes: { type: 'boolean', default: false, describe: 'does not ask' },
      'even-if-running': { type: 'boolean', default: false, describe: 'the running task cannot be recorded then' },
    },
  }),
  run: runRemove,
};

async function runRemove(call: Call): Promise<void> {
  const name = clusterWord(call);
  await call.withQueue(async (queue) => {
    const { directory, archiveHosts } = findCluster(await queue.state(), name);
    if (call.options['yes'] !== true) await askFirst(name);
    await queue.removeCluster(name, { evenIfRunning: call.options['even-if-running'] === true });
    call.log.info(`${name} is removed from the queue; its history stays`);
    call.log.info(`its backups stay too: ${directory} on ${archiveHosts.join(', ')}`);
  });
}

async function askFirst(name: string): Promise<void> {
  if (!canAsk()) {
    throw new Failure('usage', 'remove asks before it does it, and there is no terminal to ask on', {
      hint: 'Add --yes if you are sure.',
    });
  }
  const isSure = await confirm(`No more backups of ${name} will be made. Type its name to remove it: `, name);
  if (!isSure) throw new Failure('usage', `not confirmed: ${name} is not removed`);
}
