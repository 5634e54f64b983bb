import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import type { FailureCode } from '../../packages/core/src/base/failure-table.ts';
import type { BackupQueue } from '../../packages/core/src/queue/backup-queue.ts';
import {
  type ClusterSettings,
  defaultScheduleSettings,
  type ScheduleSettings,
} from '../../packages/core/src/queue/cluster-settings.ts';
import type { Claim, ClaimRequest } from '../../packages/core/src/queue/task.ts';

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** An empty queue of some store, with a clock that the test sets. */
export interface QueueUnderTest {
  queue: BackupQueue;
  /** Another connection to it. */
  another(): Promise<BackupQueue>;
  nowMs: number;
  /** What a failover does that loses the last change: the row of a claim is gone. */
  lose(claim: Claim): Promise<void>;
}

/** Something that must be true of every store. Made of node:assert, so that any test runner can run it. */
export interface Fact {
  title: string;
  check(test: QueueUnderTest): Promise<void>;
}

export interface ClusterWishes extends Partial<ClusterSettings> {
  schedules?: ScheduleSettings[];
  schedule?: Partial<ScheduleSettings>;
}

/** Adds a cluster with two archive hosts, a and b, and a schedule of base backups. */
export async function addCluster({ queue }: QueueUnderTest, name: string, wishes: ClusterWishes = {}): Promise<void> {
  const { schedule, schedules, ...settings } = wishes;
  await queue.addCluster(
    {
      name,
      conninfo: `host=${name} user=backup`,
      archiveHosts: ['a', 'b'],
      directory: `/storage/${name}`,
      sourceServer: name,
      timeZone: 'UTC',
      enabled: true,
      ...settings,
    },
    schedules ?? [{ ...defaultScheduleSettings, kind: 'base', ...schedule }],
  );
}

export async function claim(
  { queue }: Pick<QueueUnderTest, 'queue'>,
  host: string,
  request: Partial<ClaimRequest> = {},
): Promise<Claim | undefined> {
  return await queue.claim({ token: randomUUID(), host, ...request });
}

/** A claim that must be granted. */
export async function mustClaim(
  test: Pick<QueueUnderTest, 'queue'>,
  host: string,
  request: Partial<ClaimRequest> = {},
): Promise<Claim> {
  const claimed = await claim(test, host, request);
  assert(claimed, `${host} gets no task`);
  return claimed;
}

export async function succeed({ queue }: QueueUnderTest, claimed: Claim): Promise<number> {
  return (await queue.complete(claimed, { state: 'succeeded', result: {} })).taskId;
}

export async function fail({ queue }: QueueUnderTest, claimed: Claim, error = 'no space'): Promise<number> {
  return (await queue.complete(claimed, { state: 'failed', error })).taskId;
}

/** Claims and completes at once; undefined when there is nothing to do. */
export async function backUp(test: QueueUnderTest, host: string): Promise<Claim | undefined> {
  const claimed = await claim(test, host);
  if (claimed) await succeed(test, claimed);
  return claimed;
}

export async function rejects(work: Promise<unknown>, code: FailureCode): Promise<void> {
  await assert.rejects(work, (error: { code?: unknown }) => {
    assert.equal(error.code, code);
    return true;
  });
}
