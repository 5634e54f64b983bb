import { WalStore } from '@archive2/core/archive/wal-store.ts';
import type { Activity } from '@archive2/core/base/activity.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { EventSink } from '@archive2/core/files/event-log.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { openPeerSession } from '@archive2/core/hosts/open-peer-session.ts';
import type { Peer } from '@archive2/core/hosts/peer.ts';
import type { RemoteOptions } from './options.ts';

/** One run of the command: what it was told, and the world it acts in. */
export interface RemoteRun {
  /** What follows the form's name on the command line. */
  words: readonly string[];
  options: RemoteOptions;
  environment: Record<string, string>;
  clock: Clock;
  log: Log;
  events: EventSink;
  activity: Activity;
}

export async function openStore({ options, clock, log, events, activity }: RemoteRun): Promise<WalStore> {
  const { directory, cluster, maxAhead } = options;
  return await WalStore.open(directory, { cluster, maxAhead, clock, log, events, activity });
}

/** Opens a session with the peer, as the peer: same directory, right `sync`. */
export async function connectPeer(
  { options, environment, clock, log }: RemoteRun,
  peer: Peer,
): Promise<ArchiveSession> {
  const { directory, cluster, connectTimeoutMs, stallTimeoutMs, remoteProgram } = options;
  return await openPeerSession(peer, {
    cluster,
    clusterDirectory: directory.path,
    walDirectory: directory.walDirectory,
    connectTimeoutMs,
    stallTimeoutMs,
    remoteProgram,
    agentSocket: environment['SSH_AUTH_SOCK'],
    program: programVersion,
    clock,
    log,
  });
}
