import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import type { Activity } from '@archive2/core/base/activity.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { EventSink } from '@archive2/core/files/event-log.ts';
import type { Right } from '@archive2/core/protocol/messages.ts';
import type { PeerLink } from './peer-link.ts';

/** What a session is made of besides its streams. */
export interface ServeContext {
  directory: ClusterDirectory;
  store: WalStore;
  cluster: string;
  rights: ReadonlySet<Right>;
  /** The configured peer, or what makes one from the client's word; undefined where this host has none. */
  peer: PeerLink | undefined;
  peerOfHint: (hint: string) => PeerLink | undefined;
  peerWaitMs: number;
  /** How far a cleanup that the peer proposes may go. */
  cleanup: { keepMs: number; maxRemoveFraction: number; trustPeerBackups: boolean };
  program: string;
  clock: Clock;
  log: Log;
  events: EventSink;
  activity: Activity;
}
