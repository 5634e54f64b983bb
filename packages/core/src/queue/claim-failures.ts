import { Failure } from '../base/failure.ts';
import type { Obstacle } from './claim-policy.ts';

/** What both stores answer a worker that they refuse, in the same words. */
export const claimFailures = {
  replaced: (cluster: string) =>
    new Failure('stale_claim', `the task of ${cluster} was given to another worker`, {
      hint: 'Its lease had ended. The other worker records its own result; this one is not counted.',
    }),
  ended: (cluster: string) =>
    new Failure('stale_claim', `the task of ${cluster} has ended otherwise`, {
      hint: 'Look at "backup-queue history".',
    }),
  unknown: () =>
    new Failure('stale_claim', 'the queue does not know this claim', {
      hint: 'It may have lost its last changes in a failover. Go on; completing the task records it.',
    }),
  tokenUsed: () =>
    new Failure('stale_claim', 'the task of this token has ended', { hint: 'Make a new token for a new task.' }),
  unknownCluster: (cluster: string) =>
    new Failure('unknown_cluster', `the queue has no cluster ${cluster}`, { hint: 'Look at "backup-queue list".' }),
  notItsHost: (cluster: string, host: string) =>
    new Failure('unknown_cluster', `${host} is not an archive host of ${cluster}`, {
      hint: 'Call it by the name that "backup-queue show" has, or add it to the cluster.',
    }),
  noSchedule: (cluster: string, kind: string) =>
    new Failure('unknown_cluster', `the cluster ${cluster} has no schedule of kind ${kind}`, {
      hint: 'Add one with "backup-queue set".',
    }),
  busy: (cluster: string, host: string, obstacle: Obstacle) =>
    new Failure('busy', `no task of ${cluster} can start now: ${busyReasons[obstacle] ?? obstacle}`, {
      hint: 'Wait for the running tasks, see "backup-queue list".',
      details: { cluster, host },
    }),
  clusterRuns: (cluster: string) =>
    new Failure('busy', `a task of ${cluster} is running`, {
      hint: 'Wait for its end, or remove the cluster anyway: its result is then not recorded.',
    }),
  clusterExists: (cluster: string) =>
    new Failure('cluster_exists', `the queue has a cluster ${cluster}`, { hint: 'Change it with "backup-queue set".' }),
} as const;

const busyReasons: Partial<Record<Obstacle, string>> = {
  running: 'one is running',
  host_busy: 'the archive host runs as many as it may',
  server_busy: 'its server is at its limit',
};
