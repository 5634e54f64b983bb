import { toFailure } from '@archive2/core/base/failure.ts';
import { freeSpace } from '@archive2/core/files/free-space.ts';
import { allRights, type ClientMessageOf, type ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { tryStoring } from '../try-storing.ts';
import type { PeerLink } from './peer-link.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** Tries everything that a put needs, with a file of its own that it removes, and reports on space, debts and the peer. */
export async function probe(
  context: ServeContext,
  peer: PeerLink | undefined,
  request: ClientMessageOf<'probe'>,
): Promise<ServerMessageOf<'probed'>> {
  const { directory, rights, clock } = context;
  checkRight(rights, allRights, 'use this archive');
  if (rights.has('put')) await tryStoring(directory.walDirectory, clock.nowMs());
  const { freeBytes, freeInodes } = await freeSpace(directory.walDirectory);
  const debts = peer === undefined ? 0 : await peer.debts.count();
  const answer: ServerMessageOf<'probed'> = { type: 'probed', id: request.id, freeBytes, freeInodes, debts };
  if (peer === undefined) return answer;
  answer.peer = peer.name;
  const problem = rights.has('put') ? await peerProblem(peer, context) : undefined;
  if (problem !== undefined) answer.peerProblem = problem;
  return answer;
}

async function peerProblem(peer: PeerLink, context: ServeContext): Promise<string | undefined> {
  try {
    const session = await peer.connected(context.store);
    const rights = session.hello.rights;
    return rights.includes('sync') ? undefined : `it gives this host the rights ${rights.join(',')}, not sync`;
  } catch (error) {
    return toFailure(error).message;
  }
}
