import { cleanHost } from '@archive2/core/backups/clean-host.ts';
import { formatCleanupReport } from '@archive2/core/backups/cleanup-report.ts';
import { dropTombstonesBelow } from '@archive2/core/backups/drop-tombstones.ts';
import { formatHostView, parseHostView, parseSegmentNames, viewHost } from '@archive2/core/backups/host-view.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import type { SegmentName } from '@archive2/core/wal/archive-file.ts';
import type { ClusterIdentity } from '@archive2/core/wal/cluster-identity.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** What this host knows of its backups and pins, for the peer. */
export async function answerView(context: ServeContext, asked: Buffer): Promise<Buffer> {
  checkRight(context.rights, ['sync'], 'see what this host keeps WAL for');
  const { directory, clock } = context;
  return formatHostView(await viewHost(directory, identityOf(context), parseAsked(asked), clock.nowMs()));
}

/**
 * The peer has cleaned up and proposes the same: this host looks at its own backups and pins, heeds the peer's besides, and removes
 * its own files. Nothing that the peer says can make it remove what its own backups need, or more of its files at once than it is
 * set to; without a complete backup of its own it removes nothing, unless it is set to trust the peer's. Throws the Failure by which it refuses.
 */
export async function cleanAsProposed(
  context: ServeContext,
  { dryRun, keepSeconds, clearedBelow }: ClientMessageOf<'propose'>,
  body: Buffer,
): Promise<Buffer> {
  checkRight(context.rights, ['sync'], 'propose a cleanup');
  const { directory, cleanup, clock, log, activity } = context;
  const identity = identityOf(context);
  const view = parseHostView(body);
  const report = await cleanHost({
    cluster: directory,
    identity,
    peer: { name: context.peer?.name ?? 'peer', view },
    alsoProtected: [],
    keepMs: Math.max(cleanup.keepMs, keepSeconds * 1000),
    maxRemoveFraction: cleanup.maxRemoveFraction,
    force: false,
    trustClock: false,
    askedBy: view.host,
    mustPermitItself: !cleanup.trustPeerBackups,
    dryRun,
    announce: async () => undefined,
    clock,
    activity,
  });
  if (!dryRun && clearedBelow !== undefined && /^[0-9]{1,20}$/.test(clearedBelow)) {
    await dropTombstonesBelow(directory, BigInt(clearedBelow), identity.segmentSize, clock.nowMs());
  }
  log.debug('cleaned up', { dryRun, removed: report.removed, oldestNeeded: report.oldestNeeded.segment });
  return formatCleanupReport(report);
}

function identityOf({ store, directory }: ServeContext): ClusterIdentity {
  if (store.identity !== undefined) return store.identity;
  throw new Failure('not_initialized', `${directory.path} has no cluster.json yet`, {
    hint: 'An archive gets its identity with its first segment; until then there is nothing to clean up.',
  });
}

function parseAsked(body: Buffer): SegmentName[] {
  try {
    return parseSegmentNames(JSON.parse(body.toString('utf8')));
  } catch (error) {
    throw new Failure('protocol', 'the segments that are asked about cannot be read', { cause: error });
  }
}
