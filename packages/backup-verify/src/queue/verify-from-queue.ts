import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { Claim, Outcome, TaskResult, Verification } from '@archive2/core/queue/task.ts';
import { type QueueOrder, workOffQueue } from '@archive2/core/queue/work-off-queue.ts';
import type { DrillReport } from '@archive2/core/restore/drill/drill-report.ts';
import type { DrillWorld } from '../drill-world.ts';

/** What a drill of a task leaves. */
export interface QueueDrill {
  readonly report: DrillReport;
  /** Prints the report; resolves with the exit status, or throws what the drill ended with. */
  readonly show: () => Promise<number>;
}

/**
 * Takes the drill that is due, if there is one. The queue gets a verification for the history of the backup, and the task's end.
 * `drill` gets the options of the call with those of the task over them.
 */
export async function verifyFromQueue(
  order: QueueOrder,
  options: Readonly<Record<string, unknown>>,
  stateDirectory: string,
  world: DrillWorld,
  drill: (options: Record<string, unknown>, world: DrillWorld) => Promise<QueueDrill>,
): Promise<number> {
  return await workOffQueue(
    order,
    {
      command: 'backup-verify',
      kind: 'verify',
      journalDirectory: join(stateDirectory, 'backup-verify'),
      outcomeOfDead: async () => ({ state: 'failed', error: 'the drill was killed, or its machine restarted' }),
      work: async ({ claim, queue, onProgress }) => {
        const watched: DrillWorld = {
          ...world,
          onProgress: (progress) => {
            onProgress(progress);
            world.onProgress(progress);
          },
        };
        const { report, show } = await drill(optionsOfTask(claim, options), watched);
        await queue.recordVerification(verificationOf(report, claim)).catch((error: unknown) => {
          const { message } = toFailure(error);
          world.log.warning('the queue has no record of the verification; the report is on this machine', {
            problem: message,
          });
        });
        return { outcome: outcomeOf(report), report: show };
      },
    },
    world,
  );
}

/** Options of a task that are ours; it may also name the cluster and the hosts where its entry in the queue is for drills alone. */
const taskOptions = new Set([
  'cluster',
  'hosts',
  'newest',
  'rotate',
  'target',
  'checks',
  'check-database',
  'amcheck',
  'heapallindexed',
  'dump',
  'max-rpo',
  'min-share',
  'allow-empty',
  'system-identifier',
  'memory',
  'dbuser',
]);
const flags = new Set(['newest', 'rotate', 'amcheck', 'heapallindexed', 'dump', 'allow-empty']);

/** The call's options with the task's over them. Throws Failure `usage` for one that is none of ours. */
export function optionsOfTask(
  { cluster, directory, options, peers }: Claim,
  call: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const own = Object.entries(options).map(([name, value]) => {
    if (!taskOptions.has(name)) {
      throw new Failure(
        'usage',
        `the task of ${cluster} has an option ${JSON.stringify(name)} that backup-verify does not know`,
        {
          hint: `Take it away: backup-queue set ${cluster} --kind verify --option ${name}=`,
        },
      );
    }
    return [name, flags.has(name) ? value === 'true' || value === '1' || value === 'yes' : value] as const;
  });
  const merged: Record<string, unknown> = { ...call, 'cluster-dir': directory, cluster, ...Object.fromEntries(own) };
  if (merged['hosts'] !== undefined) return merged;
  // On an archive host its own directory and its peer; elsewhere the hosts of the cluster, by their names in the queue.
  if (!existsSync(join(directory, 'cluster.json'))) return { ...merged, hosts: peers.join(' ') };
  return merged['peer'] === undefined && peers.length === 1 ? { ...merged, peer: peers[0] } : merged;
}

/** Under the cluster's own name, also where its entry in the queue has another one. */
function verificationOf(report: DrillReport, { host }: Claim): Verification {
  const { id, cluster, startedMs, endedMs, ok, problem, backup } = report;
  return {
    id,
    taskId: undefined,
    cluster,
    host,
    name: backup?.name ?? 'none',
    method: 'restore',
    startedAtMs: Math.round(startedMs),
    endedAtMs: Math.round(endedMs),
    ok,
    error: problem?.message,
    details: detailsOf(report),
  };
}

/** As many values of checks as a history's line bears. */
const mostChecks = 40;

function detailsOf({ rtoMs, rpoMs, backup, checks, target }: DrillReport): Record<string, string | number | boolean> {
  const failed = checks.filter(({ ok }) => !ok);
  return {
    ...(rtoMs === undefined ? {} : { rtoMs: Math.round(rtoMs) }),
    ...(rpoMs === undefined ? {} : { rpoMs: Math.round(rpoMs) }),
    ...(backup === undefined ? {} : { from: backup.host }),
    ...(backup?.contentBytes === undefined ? {} : { contentBytes: backup.contentBytes }),
    target,
    checksPassed: checks.length - failed.length,
    checksFailed: failed.length,
    ...Object.fromEntries(
      checks.slice(0, mostChecks).map(({ name, ok, value, problem }) => {
        return [`check ${name}`, ok ? (value ?? 'ok') : `FAILED: ${problem ?? ''}`.slice(0, 300)];
      }),
    ),
  };
}

function outcomeOf(report: DrillReport): Outcome {
  const { ok, problem, backup } = report;
  const result: TaskResult = {
    ...(backup === undefined ? {} : { name: backup.name, startLsn: backup.start.lsn, stopLsn: backup.stop.lsn }),
    details: detailsOf(report),
  };
  if (ok || problem === undefined) return { state: 'succeeded', result };
  const { message, hint } = problem;
  return { state: 'failed', error: hint === undefined ? message : `${message}. ${hint}`, result };
}
