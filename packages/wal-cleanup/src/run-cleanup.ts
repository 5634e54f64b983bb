import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { tellEvent } from '@archive2/core/archive/events.ts';
import { type ClusterRecord, readClusterRecord } from '@archive2/core/archive/identity.ts';
import { childEnvironment } from '@archive2/core/base/child-environment.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { choosePeer } from './choose-peer.ts';
import { cleanBothHosts } from './clean-both-hosts.ts';
import { cleanThisHost } from './clean-this-host.ts';
import type { CleanupWorld } from './cleanup-world.ts';
import { connectPeer } from './connect-peer.ts';
import { formatJson, formatOutcome, formatPlans } from './format-report.ts';
import { protectionOfNamed } from './named-backup.ts';
import type { CleanupOptions } from './options.ts';
import type { PeerResult } from './outcome.ts';

/** One run of the command. A failure is told in the archive's log of events as well. */
export async function runCleanup(
  options: CleanupOptions,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<number> {
  try {
    return await cleanUp(options, environment, log);
  } catch (error) {
    const { code, message } = toFailure(error);
    const event = { event: 'cleanup-failed' as const, code, reason: message };
    if (!options.dryRun) await tellEvent(options.directory, event, { clock: systemClock, log });
    throw error;
  }
}

/** One run of the command. Resolves with its exit status; throws the Failure by which nothing was removed on either host. */
async function cleanUp(
  options: CleanupOptions,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<number> {
  const { directory, json, dryRun } = options;
  const record = await readRecord(directory);
  const clock = systemClock;
  const named = options.oldestBackup;
  const world: CleanupWorld = {
    options,
    record,
    alsoProtected: named === undefined ? [] : [await protectionOfNamed(named, record, clock.nowMs())],
    announce: async (plan, peer) => (json ? undefined : await writeStdout(formatPlans(plan, peer))),
    clock,
    log,
  };
  const peer = await choosePeer(options, environment);
  const outcome =
    peer === undefined
      ? await cleanThisHost(world)
      : await cleanBothHosts(world, peer, () => connectPeer(world, peer, childEnvironment(environment)));
  await writeStdout(json ? formatJson(outcome, record.cluster, dryRun) : formatOutcome(outcome));
  return statusOf(outcome.peer);
}

async function readRecord(directory: ClusterDirectory): Promise<ClusterRecord> {
  const record = await readClusterRecord(directory);
  if (record !== undefined) return record;
  throw new Failure('not_initialized', `${directory.path} has no cluster.json`, {
    hint: 'Check that the disk is mounted and the path is right; an archive gets its identity with its first segment.',
  });
}

/** What failed on the peer alone is said last, and is the status: the two hosts are not equal then. */
function statusOf(peer: PeerResult): number {
  if (peer.kind !== 'failed') return 0;
  throw peer.failure;
}
