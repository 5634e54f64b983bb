import { bindsToPartner } from '@archive2/core/archive/pledge.ts';
import { endPledge } from '@archive2/core/archive/pledge-exchange.ts';
import { PledgeFile } from '@archive2/core/archive/pledge-file.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { ForwardResult } from './forwarding.ts';
import type { PeerLink } from './peer-link.ts';

/**
 * What a pledge of two copies asks of a file that a sender is about to acknowledge, after it was published here. Resolves with the
 * archive that must have it too, which the sender sees to. A sender that wants one copy only ends the pledge; throws Failure `pledged`
 * when the partner, which would go on relying on it, can neither be told nor has the file.
 */
export async function pledgeOfPut(
  store: WalStore,
  peer: PeerLink | undefined,
  minCopies: number,
  heard: ForwardResult | undefined,
): Promise<string | undefined> {
  const pledge = await new PledgeFile(store.directory, store.options.clock).read();
  if (minCopies >= 2) {
    peer?.keepPledge(store, pledge);
    return bindsToPartner(pledge) ? pledge.partner : undefined;
  }
  if (!bindsToPartner(pledge)) return undefined;
  try {
    await endPledge(store, () => connected(store, peer));
    store.options.log.info('a sender asks for one copy: the pledge of two copies has ended', { since: pledge.since });
  } catch (error) {
    if (heard?.kind === 'stored' && heard.storeId === pledge.partner) return undefined;
    throw pledgedFailure(store, toFailure(error));
  }
  return undefined;
}

async function connected(store: WalStore, peer: PeerLink | undefined) {
  if (peer === undefined) throw new Failure('host_unreachable', 'this host has no peer');
  return await peer.connected(store);
}

function pledgedFailure(store: WalStore, cause: Failure): Failure {
  const { cluster } = store.options;
  return new Failure('pledged', `the peer relies on --min-copies=2 and cannot be told of less: ${cause.message}`, {
    cause,
    hint:
      `Bring it back for a moment, or keep --min-copies=2. If it is gone, run "archive_remote_cmd pledge waive --dir ` +
      `${store.directory.path} --cluster ${cluster}" on this host; then never recover from the peer alone until it was back.`,
  });
}
