import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { findCluster, findSchedule } from '../find-cluster.ts';
import type { Call, Form } from '../form.ts';
import { formSpec } from '../form-spec.ts';
import { optionalClusterWord, optionalKindOf } from '../words.ts';

const options = {
  kind: { type: 'string', describe: 'only the tasks of this kind' },
  host: { type: 'string', describe: 'an archive host, for all clusters: it gets no tasks' },
} as const;

export const pause: Form = {
  spec: formSpec({
    summary:
      'Pauses a cluster, its tasks of one kind, or an archive host. What runs goes on; --now of base-backup still works.',
    usage: ['pause CLUSTER [--kind KIND]', 'pause --host NAME'],
    options,
  }),
  run: (call) => setEnabled(call, false),
};

export const resume: Form = {
  spec: formSpec({
    summary: 'Ends a pause. What has become due meanwhile is due at once.',
    usage: ['resume CLUSTER [--kind KIND]', 'resume --host NAME'],
    options,
  }),
  run: (call) => setEnabled(call, true),
};

async function setEnabled(call: Call, enabled: boolean): Promise<void> {
  const name = optionalClusterWord(call);
  const kind = optionalKindOf(call.options);
  const host = optionalText(call.options, 'host');
  if ((name === undefined) === (host === undefined) || (host !== undefined && kind !== undefined)) {
    throw usageFailure(
      { command: 'backup-queue' },
      'name a cluster (with or without --kind), or --host and nothing else',
    );
  }
  const now = enabled ? 'no longer paused' : 'paused';
  await call.withQueue(async (queue) => {
    const state = await queue.state();
    if (host !== undefined) {
      const isKnown = [
        ...state.hosts.map((known) => known.name),
        ...state.clusters.flatMap((c) => c.archiveHosts),
      ].includes(host);
      if (!isKnown)
        throw usageFailure({ command: 'backup-queue' }, `the queue knows no archive host ${JSON.stringify(host)}`);
      await queue.changeHost(host, { enabled });
      return call.log.info(`archive host ${host} is ${now}`, {
        running: state.running.filter((task) => task.host === host).length,
      });
    }
    const cluster = findCluster(state, name ?? '');
    if (kind === undefined) {
      await queue.changeCluster(cluster.name, { enabled });
    } else {
      findSchedule(cluster, kind);
      await queue.changeSchedule(cluster.name, kind, { enabled });
    }
    call.log.info(`${cluster.name}${kind === undefined ? '' : ` ${kind}`} is ${now}`);
    if (!enabled) return;
    // What else holds it, that resume was not asked to change.
    if (!cluster.enabled && kind !== undefined)
      call.log.warning(`the cluster is still paused: backup-queue resume ${cluster.name}`);
    for (const schedule of cluster.schedules) {
      if (!schedule.enabled && kind === undefined) {
        call.log.warning(
          `its ${schedule.kind} tasks are still paused: backup-queue resume ${cluster.name} --kind ${schedule.kind}`,
        );
      }
    }
  });
}
