import { mkdir } from 'node:fs/promises';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { recordEvent } from '../archive/events.ts';
import { Tombstones } from '../archive/tombstones.ts';
import type { Activity } from '../base/activity.ts';
import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { NewEvent } from '../files/event-text.ts';
import { type HeldLock, tryLock } from '../files/lock.ts';
import type { ArchiveFileName } from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { segmentNameAt } from '../wal/segment-position.ts';
import {
  type CandidateOnDisk,
  candidatesBelow,
  checkFraction,
  keptSinceMs,
  limitByAge,
  sharesByTimeline,
} from './cleanup-plan.ts';
import type { CleanupReport } from './cleanup-report.ts';
import { cleanupLock, readCleanupState, writeCleanupState } from './cleanup-state.ts';
import { checkClock } from './clock-check.ts';
import { checkStartsAreHeld, type HostView, readNames, readProtections, thisHost, viewHost } from './host-view.ts';
import { lookAtCandidates, lookAtFile } from './look-at-candidates.ts';
import { type OldestNeeded, oldestNeeded } from './oldest-needed.ts';
import { Pins } from './pins.ts';
import type { Protection } from './protection.ts';
import { removeCandidates } from './remove-candidates.ts';

export interface HostCleanup {
  cluster: ClusterDirectory;
  identity: ClusterIdentity;
  /** What the other archive host has told of itself; undefined for a site that has none. */
  peer: { readonly name: string; readonly view: HostView } | undefined;
  /** What else is to be protected, such as the backup that an old command line names. */
  alsoProtected: readonly Protection[];
  /** Files are kept for so long after they were written, also when nothing needs them. */
  keepMs: number;
  maxRemoveFraction: number;
  /** Removes more than that. */
  force: boolean;
  trustClock: boolean;
  /** Only this host's own complete backups permit anything: for a cleanup that was asked for from afar. */
  mustPermitItself: boolean;
  /** The host that asked for it. */
  askedBy: string;
  dryRun: boolean;
  /** Is told of the plan before anything is removed. */
  announce: (plan: CleanupReport) => Promise<void>;
  clock: Clock;
  activity: Activity;
}

/** What is to be done, with what it was decided by. */
interface Plan {
  oldest: OldestNeeded;
  /** Everything below this number goes. At most the oldest needed. */
  limit: bigint;
  candidates: CandidateOnDisk[];
  report: CleanupReport;
}

/**
 * Removes the archive files of this host that neither host needs, and no others. Throws Failure `cleanup_refused` when that would
 * not be safe, `busy` when another cleanup is at work here for long; nothing is removed then. May be killed and run again at any moment.
 */
export async function cleanHost(cleanup: HostCleanup): Promise<CleanupReport> {
  const { dryRun, announce } = cleanup;
  const lock = dryRun ? undefined : await takeLock(cleanup);
  try {
    const plan = await planCleanup(cleanup);
    await announce(plan.report);
    return dryRun ? plan.report : await carryOut(cleanup, plan);
  } finally {
    lock?.release();
  }
}

async function planCleanup(cleanup: HostCleanup): Promise<Plan> {
  const { cluster, identity, peer, clock, activity, keepMs, maxRemoveFraction } = cleanup;
  const { segmentSize } = identity;
  const nowMs = clock.nowMs();
  const names = await readNames(cluster);
  if (!cleanup.trustClock) await checkThisClock(cleanup, names, nowMs);
  const here = await viewHost(cluster, identity, peer?.view.missing ?? [], nowMs);
  checkStartsAreHeld(here, peer?.view);
  const { oldest, protections } = decide(cleanup, here.protections);
  const candidates = await lookAtCandidates(
    cluster,
    candidatesBelow(names, oldest.segmentNumber, segmentSize),
    activity,
  );
  const limit = limitByAge(candidates, oldest.segmentNumber, keptSinceMs(protections, keepMs, nowMs));
  const going = candidates.filter(({ number }) => number < limit);
  if (!cleanup.force) checkFraction(going.length, names.length, maxRemoveFraction);
  return { oldest, limit, candidates: going, report: reportOf(cleanup, oldest, limit, going, names.length) };
}

async function carryOut(cleanup: HostCleanup, { oldest, limit, candidates, report }: Plan): Promise<CleanupReport> {
  const { cluster, identity, peer, clock, activity } = cleanup;
  // The clock was looked at: what is over by it is over.
  await new Pins(cluster).removeExpired(clock.nowMs());
  const tombstones = new Tombstones(cluster);
  // One of a name that is there (a cleanup was killed, or the file was archived again) must not outlive that file.
  const present = new Set(await readNames(cluster));
  await tombstones.drop((name) => present.has(name), clock.nowMs());
  const removed = await removeCandidates(candidates, {
    cluster,
    clock,
    activity,
    // A backup may have begun, or a restore have pinned something, since the plan was made.
    stillAllowedBelow: async () => {
      const own = await readProtections(cluster, identity, clock.nowMs());
      const { segmentNumber } = decide(cleanup, own).oldest;
      return segmentNumber < limit ? segmentNumber : limit;
    },
  });
  if (removed.length > 0) await recordEvent(cluster, eventOf(cleanup, oldest, removed), clock.nowMs());
  await writeCleanupState(cluster, {
    ranMs: clock.nowMs(),
    peer: peer?.name,
    oldestNeeded: nameOf(oldest, identity),
  });
  return { ...report, removed: removed.length };
}

function eventOf(
  { identity, askedBy }: HostCleanup,
  oldest: OldestNeeded,
  removed: readonly CandidateOnDisk[],
): NewEvent {
  const { host, holder } = oldest.protection;
  return {
    event: 'wal-removed',
    files: removed.length,
    first: removed[0]?.file.name ?? null,
    last: removed.at(-1)?.file.name ?? null,
    oldestNeeded: nameOf(oldest, identity),
    neededBy: `${holder} on ${host}`,
    askedBy,
  };
}

function decide({ identity, peer, alsoProtected, mustPermitItself }: HostCleanup, own: readonly Protection[]) {
  if (mustPermitItself && !own.some(({ permits }) => permits)) {
    throw new Failure('cleanup_refused', `${thisHost} has no complete base backup of its own`, {
      hint: 'What another host says of its backups is not enough to remove files here: run wal-cleanup on this host, or let archive_remote_cmd serve have --trust-peer-backups.',
    });
  }
  const protections = [...own, ...(peer?.view.protections ?? []), ...alsoProtected];
  return { oldest: oldestNeeded(protections, identity.segmentSize), protections };
}

async function checkThisClock(
  { cluster, peer }: HostCleanup,
  names: readonly ArchiveFileName[],
  nowMs: number,
): Promise<void> {
  checkClock({
    nowMs,
    peerNowMs: peer?.view.nowMs,
    newestWalMs: newestWalMs(cluster, names),
    lastRunMs: (await readCleanupState(cluster))?.ranMs,
  });
}

/** When the last segment of each timeline was written; the newest of these. A few looks, whatever the size of the archive. */
function newestWalMs(cluster: ClusterDirectory, names: readonly ArchiveFileName[]): number | undefined {
  const newest = new Map<string, ArchiveFileName>();
  for (const name of names) {
    if (name.length !== 24) continue;
    const timeline = name.slice(0, 8);
    if (name > (newest.get(timeline) ?? '')) newest.set(timeline, name);
  }
  const times = [...newest.values()].map((name) => lookAtFile(cluster.walFile(name))?.modifiedMs);
  return times.reduce<number | undefined>((max, ms) => (max === undefined || (ms ?? 0) > max ? ms : max), undefined);
}

function reportOf(
  { identity, dryRun }: HostCleanup,
  oldest: OldestNeeded,
  limit: bigint,
  going: readonly CandidateOnDisk[],
  files: number,
): CleanupReport {
  const { host, holder } = oldest.protection;
  return {
    host: thisHost,
    dryRun,
    files,
    oldestNeeded: { segment: nameOf(oldest, identity), host, holder },
    removeBelow: limit,
    timelines: sharesByTimeline(going),
    removed: 0,
  };
}

function nameOf({ segmentNumber, protection }: OldestNeeded, { segmentSize }: ClusterIdentity) {
  return segmentNameAt(protection.from.timeline, segmentNumber, segmentSize);
}

/** Two hosts that clean up at the same time meet here: what the other one asked for is done in a moment. */
const lockPatienceMs = 30_000;
const lockRetryMs = 50;

async function takeLock({ cluster, clock, activity }: HostCleanup): Promise<HeldLock> {
  await mkdir(cluster.stateDirectory, { recursive: true, mode: 0o700 });
  const giveUpMs = clock.monotonicMs() + lockPatienceMs;
  for (;;) {
    const lock = tryLock(cleanupLock(cluster));
    if (lock !== undefined) return lock;
    if (clock.monotonicMs() > giveUpMs) break;
    activity.note();
    await clock.sleep(lockRetryMs);
  }
  throw new Failure('busy', `another cleanup of ${cluster.path} is at work on ${thisHost}`, {
    hint: 'It does the same work: there is nothing to do.',
  });
}
