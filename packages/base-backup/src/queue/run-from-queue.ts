import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { parseConninfo } from '@archive2/core/postgres/conninfo.ts';
import type { BackupQueue } from '@archive2/core/queue/backup-queue.ts';
import { openQueue } from '@archive2/core/queue/open-queue.ts';
import { readQueueLogin } from '@archive2/core/queue/queue-login.ts';
import type { Claim, ClaimRequest, Outcome, Progress } from '@archive2/core/queue/task.ts';
import type { BackupWorld } from '../backup-world.ts';
import { choosePeer } from '../choose-peer.ts';
import type { Order } from '../options.ts';
import { describeBackup } from '../report.ts';
import { type JobResult, runJob } from '../run-job.ts';
import { deliver, outcomeOfDead } from './deliver.ts';
import { keepClaim } from './heartbeat.ts';
import { Journal, type OpenEntry } from './journal.ts';
import { outcomeOf } from './task-result.ts';

type QueueOrder = Extract<Order, { kind: 'queue' }>;

/**
 * One call of cron: tells the queue what earlier runs could not, then takes a task if there is one. Resolves with 0 when there was
 * nothing to do, or the backup is complete; throws the Failure otherwise.
 */
export async function runFromQueue(order: QueueOrder, world: BackupWorld): Promise<number> {
  const { environment, log } = world;
  const journal = await Journal.open(journalDirectory(order));
  const queue = await openQueue(order.location, await readQueueLogin('base-backup', environment));
  try {
    const left = await journal.left(order.queue, (path, problem) =>
      log.warning('a journal entry cannot be read', { path, problem }),
    );
    const asked = await settleLeft(queue, left, log);
    const create = () => journal.create({ queue: order.queue, request: requestOf(order) });
    let opened = asked ?? (await create());
    let claim: Claim | undefined;
    try {
      claim = await claimFor(queue, opened);
    } catch (error) {
      // What an earlier run asked for has ended since, by its lease: it is not this run's failure.
      if (asked === undefined || toFailure(error).code !== 'stale_claim') throw error;
      opened = await create();
      claim = await claimFor(queue, opened);
    }
    return claim === undefined ? 0 : await work(queue, opened, claim, world);
  } finally {
    await queue.close();
  }
}

/**
 * Tells the queue how the tasks ended that others have left. Returns an entry that was asked for without an answer: it may hold a
 * task, which is this run's then.
 */
async function settleLeft(
  queue: BackupQueue,
  left: readonly OpenEntry[],
  log: BackupWorld['log'],
): Promise<OpenEntry | undefined> {
  let asked: OpenEntry | undefined;
  for (const opened of left) {
    const { claim, outcome } = opened.entry;
    if (claim === undefined) {
      if (asked === undefined) asked = opened;
      else opened.release();
      continue;
    }
    const ended = outcome ?? (await outcomeOfDead(opened.entry));
    const delivery = await deliver(queue, opened, claim, ended, log);
    if (delivery.kind === 'kept') {
      asked?.release();
      throw delivery.failure;
    }
    log.info('the queue was told how an earlier task ended', {
      cluster: claim.cluster,
      outcome: ended.state,
      ...(delivery.kind === 'refused' ? { refused: delivery.failure.message } : {}),
    });
  }
  return asked;
}

function requestOf({ host, cluster, now, leaseSeconds }: QueueOrder): ClaimRequest {
  return {
    token: randomUUID(),
    host: host ?? shortHostName(),
    kinds: ['base'],
    leaseSeconds,
    ...(cluster === undefined ? {} : { cluster }),
    ...(now ? { force: true } : {}),
  };
}

function shortHostName(): string {
  return hostname().split('.')[0] ?? hostname();
}

async function claimFor(queue: BackupQueue, opened: OpenEntry): Promise<Claim | undefined> {
  let claim: Claim | undefined;
  try {
    claim = await queue.claim(opened.entry.request);
  } catch (error) {
    // Only where the change may have been made is there something to remember.
    if (toFailure(error).code === 'queue_unavailable') opened.release();
    else await opened.settle();
    throw error;
  }
  if (claim === undefined) await opened.settle();
  else await opened.write({ claim });
  return claim;
}

async function work(queue: BackupQueue, opened: OpenEntry, claim: Claim, world: BackupWorld): Promise<number> {
  const ended = new AbortController();
  let latest: Progress | undefined;
  const beating = keepClaim(queue, claim, () => latest, world, ended.signal);
  const watched = {
    ...world,
    onProgress: (progress: Progress) => {
      latest = progress;
      world.onProgress(progress);
    },
  };
  const { result, error } = await attempt(opened, claim, watched).then(
    (result) => ({ result, error: undefined }),
    (error: unknown) => ({ result: undefined, error }),
  );
  ended.abort();
  await beating;
  // A backup that is complete stays complete, whatever went wrong after it.
  const outcome =
    result === undefined ? (opened.entry.outcome ?? failureOutcome(error)) : outcomeOf(result.record, result.aftermath);
  const delivery = await deliver(queue, opened, claim, outcome, world.log);
  if (result === undefined) throw error;
  await writeStdout(describeBackup(result.record));
  if (delivery.kind === 'refused') throw delivery.failure;
  return 0;
}

function failureOutcome(error: unknown): Outcome {
  const { message, hint } = toFailure(error);
  return { state: 'failed', error: hint === undefined ? message : `${message}. ${hint}` };
}

async function attempt(opened: OpenEntry, claim: Claim, world: BackupWorld): Promise<JobResult> {
  const job = {
    directory: new ClusterDirectory(claim.directory),
    cluster: claim.cluster,
    conninfo: parseConninfo(claim.conninfo),
    keep: claim.keep,
    peer: choosePeer(world.settings, claim.peers),
    run: claim.token,
  };
  return await runJob(job, world, {
    announce: (name) => opened.write({ name }),
    completed: (record) => opened.write({ outcome: outcomeOf(record) }),
  });
}

function journalDirectory({ stateDirectory }: QueueOrder): string {
  return join(findStateDirectory(stateDirectory).path, 'base-backup');
}
