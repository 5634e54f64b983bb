import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { ArchiveSession } from './archive-session.ts';
import type { Peer } from './peer.ts';
import { openArchiveSession } from './session-opener.ts';

export interface PeerSessionOptions {
  cluster: string;
  /** The same on both hosts. */
  clusterDirectory: string;
  walDirectory: string;
  connectTimeoutMs: number;
  stallTimeoutMs: number;
  /** archive_remote_cmd on the peer, where no forced command says so. */
  remoteProgram: string;
  /** SSH_AUTH_SOCK, if there is one. */
  agentSocket: string | undefined;
  /** This program's version. */
  program: string;
  clock: Clock;
  log: Log;
}

/** Opens a session with the peer, as the peer: same directory, right `sync`. Throws the Failure that says why not. */
export async function openPeerSession(peer: Peer, options: PeerSessionOptions): Promise<ArchiveSession> {
  const { cluster, clusterDirectory, walDirectory, agentSocket, program, clock, log } = options;
  return await openArchiveSession(peer.spec, {
    connectTimeoutMs: options.connectTimeoutMs,
    stallTimeoutMs: options.stallTimeoutMs,
    ...(agentSocket === undefined ? {} : { agentSocket }),
    serve: { program: options.remoteProgram, clusterDirectory, cluster, allow: ['sync'] },
    session: { cluster, walDirectory, program, clock, log },
  });
}
