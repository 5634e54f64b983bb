import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { keepCooldown } from '@archive2/core/hosts/cooldown-keeper.ts';
import { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import type { HostWatcher } from '@archive2/core/hosts/host-watcher.ts';
import { openArchiveSession } from '@archive2/core/hosts/session-opener.ts';
import type { ShipSettings } from '../options.ts';
import { ReadBuffers } from './read-buffers.ts';
import type { ShipWatcher } from './ship-watcher.ts';
import { Shipper } from './shipper.ts';

export interface ShipperWorld {
  /** Where cooldowns are remembered; undefined where there is no directory for them. */
  stateDirectory: string | undefined;
  buffers: ReadBuffers;
  /** Who hears of the hosts, and of the files; default nobody. */
  hostWatcher?: HostWatcher;
  watcher?: ShipWatcher;
  clock: Clock;
  log: Log;
}

/** So many files are read and compressed at once. */
export const readBufferCount = 2;

/** Makes a shipper for one set of settings, with what was remembered of its hosts. Connects to nobody yet. */
export async function openShipper(settings: ShipSettings, world: ShipperWorld): Promise<Shipper> {
  const { stateDirectory, buffers, hostWatcher, watcher, clock, log } = world;
  const keeper = await keepCooldown(stateDirectory, log);
  const pool = new HostPool({
    hosts: settings.hosts,
    policy: settings.cooldown,
    open: (host) => openSession(settings, host, world),
    ...keeper,
    ...(hostWatcher === undefined ? {} : { watcher: hostWatcher }),
    clock,
    log,
  });
  const { minCopies, preferredWaitMs } = settings;
  const watched = watcher === undefined ? {} : { watcher };
  return new Shipper({ pool, saved: keeper.saved, minCopies, preferredWaitMs, buffers, ...watched, clock, log });
}

export async function openSession(
  settings: ShipSettings,
  host: HostSpec,
  { clock, log }: Pick<ShipperWorld, 'clock' | 'log'>,
): Promise<ArchiveSession> {
  const { clusterDirectory, cluster, hosts, connectTimeoutMs, stallTimeoutMs } = settings;
  const other = hosts.find((candidate) => candidate !== host);
  return await openArchiveSession(host, {
    connectTimeoutMs,
    stallTimeoutMs,
    ...(settings.agentSocket === undefined ? {} : { agentSocket: settings.agentSocket }),
    serve: {
      program: settings.remoteProgram,
      clusterDirectory: clusterDirectory.path,
      cluster,
      allow: ['put'],
    },
    session: {
      cluster,
      walDirectory: clusterDirectory.walDirectory,
      ...(other === undefined ? {} : { peerHint: other.text }),
      program: programVersion,
      clock,
      log,
    },
  });
}
