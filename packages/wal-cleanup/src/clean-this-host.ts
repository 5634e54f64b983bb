import { cleanHost, type HostCleanup } from '@archive2/core/backups/clean-host.ts';
import { dropTombstonesBelow } from '@archive2/core/backups/drop-tombstones.ts';
import { thisHost } from '@archive2/core/backups/host-view.ts';
import { Activity } from '@archive2/core/base/activity.ts';
import type { CleanupWorld } from './cleanup-world.ts';
import type { Outcome } from './outcome.ts';

/** What a cleanup of this host is by its options; the peer and what is said of the plan are added to it. */
export function ownCleanup({
  options,
  record,
  alsoProtected,
  clock,
}: CleanupWorld): Omit<HostCleanup, 'peer' | 'announce'> {
  return {
    cluster: options.directory,
    identity: record,
    alsoProtected,
    keepMs: options.keepMs,
    maxRemoveFraction: options.maxRemoveFraction,
    force: options.force,
    trustClock: options.trustClock,
    askedBy: thisHost,
    mustPermitItself: false,
    dryRun: options.dryRun,
    clock,
    activity: new Activity(),
  };
}

/** For a site with one archive host. Nobody could bring back what is removed, so tombstones are of no use. */
export async function cleanThisHost(world: CleanupWorld): Promise<Outcome> {
  const { options, record, clock, announce } = world;
  const peer = { kind: 'none' } as const;
  const here = await cleanHost({ ...ownCleanup(world), peer: undefined, announce: (plan) => announce(plan, peer) });
  if (!here.dryRun) {
    await dropTombstonesBelow(options.directory, here.removeBelow, record.segmentSize, clock.nowMs());
  }
  return { here, peer };
}
