import { lookAtCopy } from '@archive2/core/archive/look-at-copy.ts';
import { storedBody } from '@archive2/core/archive/stored-body.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { PutBody } from '@archive2/core/hosts/put.ts';
import type { ClientMessageOf } from '@archive2/core/protocol/messages.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import type { PeerLink } from './peer-link.ts';

/** What became of the second copy: there, refused for a reason that a person must settle, or still missing. */
export type ForwardResult =
  | { kind: 'stored'; storeId: string }
  | { kind: 'refused'; failure: Failure }
  | { kind: 'missing'; failure: Failure };

/** A file on its way to the peer. Neither promise ever rejects. */
export interface Forwarding {
  result: Promise<ForwardResult>;
  /** Resolves when the file is no longer read. */
  settled: Promise<void>;
}

/** Refusals of the content itself: it can never become a copy there, and the two hosts disagree. */
const refusals = new Set(['conflict', 'wrong_cluster', 'bad_page_header', 'bad_name', 'quarantine_full']);

/** Forwards a body while it arrives here. */
export function forwardArriving(
  peer: PeerLink,
  store: WalStore,
  header: ClientMessageOf<'put'>,
  body: PutBody,
): Forwarding {
  return track(peer.forward(store, forwardHeader(header), body));
}

/** Forwards a file that is stored here, if the peer does not have it: it is asked by the header's digest, or by that of our copy. */
export function forwardStored(
  peer: PeerLink,
  store: WalStore,
  file: ArchiveFile,
  header: ClientMessageOf<'put'>,
): Forwarding {
  const forward = async () => {
    const digest = header.digest ?? (await digestOfCopy(store, file));
    return await peer.forward(store, { ...forwardHeader(header), digest }, storedBody(store, file));
  };
  return track(forward());
}

async function digestOfCopy(store: WalStore, file: ArchiveFile): Promise<string> {
  const copy = await lookAtCopy(store, file);
  if (copy.state === 'whole') return copy.rawDigest;
  throw new Failure('damaged', `${file.name} is ${copy.state} here`);
}

function forwardHeader(header: ClientMessageOf<'put'>): Omit<ClientMessageOf<'put'>, 'type' | 'id' | 'forwarded'> {
  const { type: _type, id: _id, forwarded: _forwarded, peerAway: _away, minCopies: _copies, ...rest } = header;
  return rest;
}

function track(verdict: ReturnType<PeerLink['forward']>): Forwarding {
  const result = verdict.then(
    (stored): ForwardResult => ({ kind: 'stored', storeId: stored.storeId }),
    (error: unknown): ForwardResult => {
      const failure = toFailure(error);
      return { kind: refusals.has(failure.code) ? 'refused' : 'missing', failure };
    },
  );
  return { result, settled: result.then(() => undefined) };
}
