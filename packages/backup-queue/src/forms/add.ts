import { Failure } from '@archive2/core/base/failure.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { localTimeZone } from '@archive2/core/cli/local-time.ts';
import { checkCluster, checkSchedule } from '@archive2/core/queue/check-settings.ts';
import {
  type ClusterSettings,
  defaultClusterSettings,
  defaultScheduleSettings,
  type ScheduleSettings,
} from '@archive2/core/queue/cluster-settings.ts';
import type { ClusterState } from '@archive2/core/queue/queue-state.ts';
import { formatStartWindow } from '@archive2/core/queue/start-window.ts';
import { Faults } from '../faults.ts';
import type { Call, Form } from '../form.ts';
import { formSpec, kindOption } from '../form-spec.ts';
import { readClusterOptions, readScheduleOptions, settingsOptions } from '../settings-options.ts';
import { clusterWord, kindOf } from '../words.ts';

/** What the settings are when they are not given, for the help. */
const defaultTexts: Readonly<Record<string, string>> = {
  hosts: 'those of all other clusters',
  directory: 'beside the others, else /storage/CLUSTER',
  server: 'CLUSTER',
  'time-zone': 'that of this machine',
  'periodicity-days': String(defaultScheduleSettings.periodicityDays),
  keep: String(defaultScheduleSettings.keep),
  window: 'none',
  priority: String(defaultScheduleSettings.priority),
  'failure-limit': String(defaultScheduleSettings.failureLimit),
};

function withDefaults(options: CommandSpec['options']): CommandSpec['options'] {
  const described = Object.entries(options).map(([name, option]) => {
    const defaultDescription = defaultTexts[name];
    return [name, defaultDescription === undefined ? option : { ...option, defaultDescription }] as const;
  });
  return Object.fromEntries(described);
}

export const add: Form = {
  spec: formSpec({
    summary: 'Adds a cluster; its first backup is due at once.',
    usage: ['add CLUSTER --conninfo CONNINFO [--hosts HOST,HOST] [settings]'],
    options: {
      ...withDefaults(settingsOptions),
      ...kindOption,
      paused: { type: 'boolean', default: false, describe: 'adds it paused; then: backup-queue resume CLUSTER' },
    },
    settable: ['queue', 'hosts'],
    examples: [
      [
        'backup-queue add main --conninfo "host=db1,db2 user=backup" --hosts arch1,arch2 --window 22:00-05:00',
        'a base backup every second day, by each archive host every fourth, begun at night',
      ],
    ],
  }),
  run: runAdd,
};

async function runAdd(call: Call): Promise<void> {
  const name = clusterWord(call);
  const faults = new Faults();
  const given = readClusterOptions(call.options, faults);
  const kind = faults.try(() => kindOf(call.options)) ?? 'base';
  const schedule: ScheduleSettings = { ...defaultScheduleSettings, ...readScheduleOptions(call.options, faults), kind };
  await call.withQueue(async (queue) => {
    const { clusters } = await queue.state();
    if (clusters.some((cluster) => cluster.name === name)) {
      throw new Failure('cluster_exists', `the queue has a cluster ${name} already`, {
        hint: `"backup-queue show ${name}" shows it, "backup-queue set ${name}" changes it.`,
      });
    }
    const settings: ClusterSettings = {
      ...defaultClusterSettings,
      name,
      conninfo: '',
      archiveHosts: usualHosts(clusters),
      directory: `${usualParent(clusters)}/${name}`,
      sourceServer: name,
      timeZone: localTimeZone(),
      enabled: call.options['paused'] !== true,
      ...given,
    };
    if (call.options['conninfo'] === undefined) {
      faults.note('--conninfo is missing', 'Write --conninfo "host=db1,db2 user=backup".');
    }
    if (settings.archiveHosts.length === 0) {
      faults.note('--hosts is missing', 'Name the archive hosts, as in --hosts arch1,arch2.');
    } else {
      faults.try(() => checkCluster(settings));
    }
    faults.try(() => checkSchedule(schedule));
    faults.throwIfAny();
    await queue.addCluster(settings, [schedule]);
    tell(call, settings, schedule);
    if (call.location().kind === 'sqlite' && settings.archiveHosts.length > 1) {
      call.log.warning('a queue in a file is for one archive host: the others cannot ask it');
    }
  });
}

/** The hosts that all clusters have, if they all have the same. */
function usualHosts(clusters: readonly ClusterState[]): readonly string[] {
  const lists = new Map(clusters.map(({ archiveHosts }) => [archiveHosts.toSorted().join(','), archiveHosts]));
  const [only = []] = lists.values();
  return lists.size === 1 ? only : [];
}

/** Where all clusters lie under their names, if they all lie in the same place. */
function usualParent(clusters: readonly ClusterState[]): string {
  const parents = new Set(
    clusters.map(({ directory, name }) =>
      directory.endsWith(`/${name}`) ? directory.slice(0, -name.length - 1) : undefined,
    ),
  );
  const [only] = parents;
  return parents.size === 1 && only !== undefined ? only : '/storage';
}

function tell({ log }: Call, cluster: ClusterSettings, schedule: ScheduleSettings): void {
  const { startWindow } = schedule;
  log.info(`${cluster.name} is in the queue`, {
    conninfo: cluster.conninfo,
    hosts: cluster.archiveHosts.join(','),
    directory: cluster.directory,
    server: cluster.sourceServer,
    kind: schedule.kind,
    'periodicity-days': schedule.periodicityDays,
    keep: schedule.keep,
    window: startWindow && `${formatStartWindow(startWindow)} ${cluster.timeZone}`,
  });
  log.info(cluster.enabled ? 'its first task is due at once' : `it is paused: backup-queue resume ${cluster.name}`);
}
