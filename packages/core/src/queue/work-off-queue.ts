import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../base/clock.ts';
import { type Failure, toFailure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import type { BackupQueue } from './backup-queue.ts';
import { deliverOutcome } from './deliver-outcome.ts';
import { keepClaim } from './keep-claim.ts';
import { openQueue } from './open-queue.ts';
import type { QueueLocation } from './queue-location.ts';
import { readQueueLogin } from './queue-login.ts';
import type { Claim, ClaimRequest, Outcome, Progress } from './task.ts';
import { type JournalEntry, type OpenEntry, TaskJournal } from './task-journal.ts';
import type { TaskKind } from './task-kind.ts';

/** Which task a worker asks for. */
export interface QueueOrder {
  readonly location: QueueLocation;
  /** As it was said: it tells the journal's entries of one queue from another's. */
  readonly queue: string;
  /** This machine's name in the queue; undefined for its own. */
  readonly host: string | undefined;
  readonly cluster: string | undefined;
  /** Out of turn. */
  readonly now: boolean;
  readonly leaseSeconds: number;
}

/** What a program does with its tasks. */
export interface QueueWorker {
  /** Is seen in pg_stat_activity. */
  readonly command: string;
  readonly kind: TaskKind;
  readonly journalDirectory: string;
  /**
   * Does the work, and says how the task ended; what it throws is a failed task, and is thrown on when the queue knows. `note` keeps
   * in the journal what a next run needs if this one is killed.
   */
  work(task: QueueTask): Promise<FinishedTask>;
  /** How the task of a worker ended that was killed. */
  outcomeOfDead(entry: JournalEntry): Promise<Outcome>;
}

interface QueueTask {
  readonly claim: Claim;
  readonly note: (change: Pick<JournalEntry, 'name' | 'outcome'>) => Promise<void>;
  readonly onProgress: (progress: Progress) => void;
  readonly queue: BackupQueue;
}

interface FinishedTask {
  readonly outcome: Outcome;
  /** Called when the queue was told, or could not be: what the program prints, and its exit status. */
  readonly report: () => Promise<number>;
}

export interface WorkerWorld {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * One call of cron: tells the queue what earlier runs could not, then takes a task if there is one. Resolves with 0 when there was
 * nothing to do, else with the work's status; throws the Failure that it ended with, also one of the queue.
 */
export async function workOffQueue(order: QueueOrder, worker: QueueWorker, world: WorkerWorld): Promise<number> {
  const { environment, log } = world;
  const journal = await TaskJournal.open(worker.journalDirectory);
  const queue = await openQueue(order.location, await readQueueLogin(worker.command, environment));
  try {
    const left = await journal.left(order.queue, (path, problem) =>
      log.warning('a journal entry cannot be read', { path, problem }),
    );
    const asked = await settleLeft(queue, left, worker, log);
    const create = () => journal.create({ queue: order.queue, request: requestOf(order, worker.kind) });
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
    return claim === undefined ? 0 : await work(queue, opened, claim, worker, world);
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
  worker: QueueWorker,
  log: Log,
): Promise<OpenEntry | undefined> {
  let asked: OpenEntry | undefined;
  for (const opened of left) {
    const { claim, outcome } = opened.entry;
    if (claim === undefined) {
      if (asked === undefined) asked = opened;
      else opened.release();
      continue;
    }
    const ended = outcome ?? (await worker.outcomeOfDead(opened.entry));
    const delivery = await deliverOutcome(queue, opened, claim, ended, log);
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

function requestOf({ host, cluster, now, leaseSeconds }: QueueOrder, kind: TaskKind): ClaimRequest {
  return {
    token: randomUUID(),
    host: host ?? shortHostName(),
    kinds: [kind],
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

async function work(
  queue: BackupQueue,
  opened: OpenEntry,
  claim: Claim,
  worker: QueueWorker,
  world: WorkerWorld,
): Promise<number> {
  const ended = new AbortController();
  let latest: Progress | undefined;
  const beating = keepClaim(queue, claim, () => latest, world, ended.signal);
  const task = {
    claim,
    queue,
    note: (change: Partial<JournalEntry>) => opened.write(change),
    onProgress: (progress: Progress) => {
      latest = progress;
    },
  };
  const { finished, error } = await worker.work(task).then(
    (finished) => ({ finished, error: undefined }),
    (error: unknown) => ({ finished: undefined, error }),
  );
  ended.abort();
  await beating;
  // What was complete once stays complete, whatever went wrong after it.
  const outcome = finished?.outcome ?? opened.entry.outcome ?? failureOutcome(toFailure(error));
  const delivery = await deliverOutcome(queue, opened, claim, outcome, world.log);
  if (finished === undefined) throw error;
  const status = await finished.report();
  if (delivery.kind === 'refused') throw delivery.failure;
  return status;
}

function failureOutcome({ message, hint }: Failure): Outcome {
  return { state: 'failed', error: hint === undefined ? message : `${message}. ${hint}` };
}
