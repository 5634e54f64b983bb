import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { keepCooldown } from '@archive2/core/hosts/cooldown-keeper.ts';
import { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { HostSpec } from '@archive2/core/hosts/host-spec.ts';
import type { HostWatcher } from '@archive2/core/hosts/host-watcher.ts';
import { openArchiveSession } from '@archive2/core/hosts/session-opener.ts';
import type { FetchSettings } from '../options.ts';

interface World {
  clock: Clock;
  log: Log;
}

export async function openPool(
  settings: FetchSettings,
  { stateDirectory, watcher, ...world }: World & { stateDirectory: string | undefined; watcher?: HostWatcher },
): Promise<HostPool> {
  return new HostPool({
    hosts: settings.hosts,
    policy: settings.cooldown,
    open: (host) => openSession(settings, host, world),
    ...(await keepCooldown(stateDirectory, world.log)),
    ...(watcher === undefined ? {} : { watcher }),
    ...world,
  });
}

export async function openSession(settings: FetchSettings, host: HostSpec, world: World): Promise<ArchiveSession> {
  const { clusterDirectory, cluster, connectTimeoutMs, stallTimeoutMs, remoteProgram, agentSocket } = settings;
  return await openArchiveSession(host, {
    connectTimeoutMs,
    stallTimeoutMs,
    ...(agentSocket === undefined ? {} : { agentSocket }),
    serve: { program: remoteProgram, clusterDirectory: clusterDirectory.path, cluster, allow: ['get'] },
    session: {
      cluster,
      walDirectory: clusterDirectory.walDirectory,
      program: programVersion,
      sharesBodies: true,
      ...world,
    },
  });
}
