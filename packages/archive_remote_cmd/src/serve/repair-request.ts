import { fetchCopy } from '@archive2/core/archive/fetch-copy.ts';
import { lookAtCopy } from '@archive2/core/archive/look-at-copy.ts';
import { Failure } from '@archive2/core/base/failure.ts';
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
    const { store, events, log } = this.context;
    const copy = await lookAtCopy(store, file);
    if (copy.state === 'absent' || copy.state === 'whole') return copy.state;
    if (copy.state === 'unreadable') throw new Failure('disk_error', `${file.name} cannot be read: ${copy.reason}`);
    log.error('stored file is damaged', { name: file.name, reason: copy.reason });
    events.note({ event: 'copy-damaged', name: file.name, reason: copy.reason, foundBy: 'reader' });
    if (peer === undefined) return 'damaged';
    const { outcome } = await fetchCopy(store, await peer.connected(store), file);
    return outcome === 'new' ? 'replaced' : 'damaged';
  }
}
