import type { ClusterState, QueueState, ScheduleState } from '../../packages/core/src/queue/queue-state.ts';

/** A schedule of base backups, as `addCluster` would make it. */
export function aSchedule(settings: Partial<ScheduleState> = {}): ScheduleState {
  return {
    kind: 'base',
    periodicityDays: 4,
    keep: 3,
    startWindow: undefined,
    priority: 0,
    enabled: true,
    failureLimit: 6,
    options: {},
    addedAtMs: 0,
    runNow: undefined,
    turns: [],
    ...settings,
  };
}

export function aCluster(settings: Partial<ClusterState> = {}): ClusterState {
  const name = settings.name ?? 'main';
  return {
    name,
    conninfo: `host=${name} user=backup`,
    archiveHosts: ['arch1', 'arch2'],
    directory: `/storage/${name}`,
    sourceServer: name,
    timeZone: 'UTC',
    enabled: true,
    schedules: [aSchedule()],
    ...settings,
  };
}

export function aState(settings: Partial<QueueState> = {}): QueueState {
  return { nowMs: 0, hosts: [], servers: [], clusters: [aCluster()], running: [], ...settings };
}
