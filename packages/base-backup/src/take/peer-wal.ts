import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { childEnvironment } from '@archive2/core/base/child-environment.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { openPeerSession } from '@archive2/core/hosts/open-peer-session.ts';
import { parsePeer, peerOfHint } from '@archive2/core/hosts/peer.ts';
import { requestCatalog } from '@archive2/core/hosts/request-catalog.ts';
import type { SegmentName } from '@archive2/core/wal/archive-file.ts';
import type { BackupWorld } from '../backup-world.ts';

/** Which of the segments the peer holds. Throws the Failure that says why it can't be asked. */
export async function segmentsOnPeer(
  { settings, environment, clock, log }: BackupWorld,
  place: { directory: ClusterDirectory; cluster: string; peer: string },
  names: readonly SegmentName[],
): Promise<Set<SegmentName>> {
  const peer = place.peer.includes('=') ? parsePeer(place.peer) : peerOfHint(place.peer);
  if (peer === undefined) throw new Failure('usage', `${JSON.stringify(place.peer)} is no archive host`);
  const session = await openPeerSession(peer, {
    cluster: place.cluster,
    clusterDirectory: place.directory.path,
    walDirectory: place.directory.walDirectory,
    connectTimeoutMs: settings.connectTimeoutMs,
    stallTimeoutMs: settings.stallTimeoutMs,
    remoteProgram: settings.remoteProgram,
    agentSocket: childEnvironment(environment)['SSH_AUTH_SOCK'],
    program: programVersion,
    clock,
    log,
  });
  try {
    const { stored } = await requestCatalog(session);
    return new Set(names.filter((name) => stored.has(name)));
  } finally {
    session.close();
  }
}
