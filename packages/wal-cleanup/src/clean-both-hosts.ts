import { cleanHost } from '@archive2/core/backups/clean-host.ts';
import { type CleanupReport, isDone, parseCleanupReport } from '@archive2/core/backups/cleanup-report.ts';
import { dropTombstonesBelow } from '@archive2/core/backups/drop-tombstones.ts';
import {
  formatHostView,
  type HostView,
  parseHostView,
  readProtections,
  startsOf,
  viewHost,
} from '@archive2/core/backups/host-view.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { proposeCleanup, requestView } from '@archive2/core/hosts/ask-document.ts';
import type { Peer } from '@archive2/core/hosts/peer.ts';
import { ownCleanup } from './clean-this-host.ts';
import type { CleanupWorld } from './cleanup-world.ts';
import type { Outcome, PeerResult } from './outcome.ts';

/**
 * Asks the peer what it keeps WAL for, cleans up here, and has the peer clean up over there. Nothing is removed anywhere when the
 * peer cannot be asked or this host refuses; when the peer alone refuses, it keeps its files, and the outcome says so.
 */
export async function cleanBothHosts(
  world: CleanupWorld,
  peer: Peer,
  connect: () => Promise<ArchiveSession>,
): Promise<Outcome> {
  const session = await connect();
  try {
    const { options, record, announce, clock } = world;
    const theirs = await askForView(world, session);
    const planned = await proposed(world, session, peer, theirs, undefined);
    const here = await cleanHost({
      ...ownCleanup(world),
      peer: { name: peer.name, view: theirs },
      announce: (plan) => announce(plan, planned),
    });
    if (options.dryRun || planned.kind !== 'report') return { here, peer: planned };
    const done = await proposed(world, session, peer, theirs, here);
    if (done.kind === 'report' && isDone(done.report)) {
      await dropTombstonesBelow(options.directory, done.report.removeBelow, record.segmentSize, clock.nowMs());
    }
    return { here, peer: done };
  } finally {
    session.close();
  }
}

async function askForView(world: CleanupWorld, session: ArchiveSession): Promise<HostView> {
  const { options, record, clock } = world;
  const own = await readProtections(options.directory, record, clock.nowMs());
  return parseHostView(await requestView(session, startsOf(own, record.segmentSize)));
}

/**
 * What the peer says to the proposal, which carries this host's view as it is now. `done`: what was removed here; without it the
 * peer only plans. A session that broke says nothing of the peer's files, and is thrown.
 */
async function proposed(
  world: CleanupWorld,
  session: ArchiveSession,
  peer: Peer,
  theirs: HostView,
  done: CleanupReport | undefined,
): Promise<PeerResult> {
  const { options, record, alsoProtected, clock } = world;
  const { name } = peer;
  const own = await viewHost(options.directory, record, theirs.missing, clock.nowMs());
  const view = formatHostView({ ...own, protections: [...own.protections, ...alsoProtected] });
  const proposal = {
    dryRun: done === undefined,
    keepSeconds: Math.ceil(options.keepMs / 1000),
    ...(done !== undefined && isDone(done) ? { clearedBelow: String(done.removeBelow) } : {}),
  };
  try {
    return { kind: 'report', name, report: parseCleanupReport(await proposeCleanup(session, proposal, view)) };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    // Before anything was removed here, a peer that is lost is no peer that was asked.
    if (!session.isOpen && done === undefined) throw error;
    return { kind: 'failed', name, failure: error };
  }
}
