import { readOrMakeStoreId } from '@archive2/core/archive/store-id.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { openPeerSession } from '@archive2/core/hosts/open-peer-session.ts';
import type { Peer } from '@archive2/core/hosts/peer.ts';
import { formatSystemIdentifier } from '@archive2/core/wal/system-identifier.ts';
import type { CleanupWorld } from './cleanup-world.ts';

/** A session with the peer, which must be another directory, of the same cluster. Throws the Failure that says why not. */
export async function connectPeer(
  { options, record, clock, log }: CleanupWorld,
  peer: Peer,
  environment: Record<string, string>,
): Promise<ArchiveSession> {
  const { directory, connectTimeoutMs, stallTimeoutMs, remoteProgram } = options;
  const session = await openPeerSession(peer, {
    cluster: record.cluster,
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
  try {
    const { storeId, systemIdentifier } = session.hello;
    if (storeId !== undefined && storeId === (await readOrMakeStoreId(directory, clock.nowMs()))) {
      throw new Failure('usage', `${peer.name} leads to this very directory`, { hint: 'Name the other archive host.' });
    }
    const ours = formatSystemIdentifier(record.systemIdentifier);
    if (systemIdentifier !== undefined && systemIdentifier !== ours) {
      throw new Failure('wrong_cluster', `${peer.name} holds the cluster ${systemIdentifier}, this host ${ours}`, {
        hint: 'Each cluster needs a directory of its own on both archive hosts.',
      });
    }
    return session;
  } catch (error) {
    session.close();
    throw error;
  }
}
