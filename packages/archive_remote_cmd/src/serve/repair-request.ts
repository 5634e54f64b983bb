import { createHash } from 'node:crypto';
import { IncomingFile } from '@archive2/core/archive/incoming-file.ts';
import { digestStored } from '@archive2/core/archive/stored-file.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { getFile } from '@archive2/core/hosts/get.ts';
import type { ClientMessageOf, ServerMessageOf } from '@archive2/core/protocol/messages.ts';
import { type ArchiveFile, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { PeerLink } from './peer-link.ts';
import { checkRight } from './put-check.ts';
import type { ServeContext } from './serve-context.ts';

/** A reader that is wrong, or means harm, may have a file read again this often, and no more often. */
const minIntervalMs = 60_000;

/** What came of a report: the stored copy is whole, was replaced by the peer's, or stays damaged because there is none. */
type Outcome = 'whole' | 'replaced' | 'damaged' | 'absent';

/**
 * Looks again at a copy that somebody found damaged. Only this host's own reading counts: a copy that fails it is replaced, and
 * only with a verified one from the peer in hand; the damaged one is kept in the quarantine. Nothing is ever removed.
 */
export class DamageReports {
  private readonly context: ServeContext;
  private readonly lookedAtMs = new Map<string, number>();

  constructor(context: ServeContext) {
    this.context = context;
  }

  async answer(peer: PeerLink | undefined, request: ClientMessageOf<'report'>): Promise<ServerMessageOf<'reported'>> {
    const { rights, clock } = this.context;
    checkRight(rights, ['get', 'sync'], 'report a damaged file');
    const file = parseArchiveFileName(request.name);
    const last = this.lookedAtMs.get(file.name);
    if (last !== undefined && clock.monotonicMs() - last < minIntervalMs) {
      return { type: 'reported', id: request.id, outcome: 'known' };
    }
    this.lookedAtMs.set(file.name, clock.monotonicMs());
    return { type: 'reported', id: request.id, outcome: await this.lookAgain(file, peer) };
  }

  private async lookAgain(file: ArchiveFile, peer: PeerLink | undefined): Promise<Outcome> {
    const { store, log } = this.context;
    const stored = await store.openStored(file.name);
    if (stored === undefined) return 'absent';
    try {
      await digestStored(stored, file, store.identity?.segmentSize);
      return 'whole';
    } catch (error) {
      if (!(error instanceof Failure) || error.code !== 'damaged') throw error;
      log.error('stored file is damaged', { name: file.name, reason: error.message });
    } finally {
      await stored.close();
    }
    if (peer === undefined) return 'damaged';
    return (await replaceFromPeer(this.context, peer, file)) ? 'replaced' : 'damaged';
  }
}

/** Takes the peer's copy through the same checks as a push; false when the peer has none. Throws when it cannot say, or lies. */
async function replaceFromPeer(context: ServeContext, peer: PeerLink, file: ArchiveFile): Promise<boolean> {
  const { store } = context;
  const session = await peer.connected(store);
  const arriving = await getFile(session, { name: file.name });
  if (arriving.kind === 'absent') return false;
  const incoming = await IncomingFile.begin(store, file, arriving.modifiedMs);
  try {
    const hash = createHash('sha256');
    for await (const chunk of arriving.chunks) {
      hash.update(chunk);
      await incoming.append(chunk);
    }
    // What arrived was compared with the peer's summary on the way; the content is verified when the taken name is resolved.
    incoming.complete({ sizeBytes: incoming.part.sizeBytes, sha256: hash.digest('hex'), rawDigest: '' });
    await incoming.makeDurable();
    return (await incoming.publish()) === 'new';
  } finally {
    await incoming.discard();
  }
}
