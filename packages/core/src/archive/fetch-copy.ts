import type { RateLimit } from '../base/rate-limit.ts';
import { Fingerprint } from '../codec/fingerprint.ts';
import type { ArchiveSession } from '../hosts/archive-session.ts';
import { getFile } from '../hosts/get.ts';
import type { ArchiveFile } from '../wal/archive-file.ts';
import { IncomingFile } from './incoming-file.ts';
import { digestChunks } from './stored-file.ts';
import type { WalStore } from './wal-store.ts';

export interface FetchedCopy {
  /** same: this host has had this very content meanwhile. absent: the peer does not have it. */
  outcome: 'new' | 'same' | 'absent';
  /** As it is stored. */
  sizeBytes: number;
}

export interface FetchOptions {
  /** Files are published in the order in which they are waited for. */
  turn?: Promise<unknown>;
  rate?: RateLimit;
}

/**
 * Takes the peer's copy of a file through the checks of a push, and reads all of its content while it arrives: a peer's damage does
 * not spread. A damaged copy of this host's own is set aside and replaced. Throws Failure `damaged` when the peer's copy is, and
 * `conflict` when this host has other content under the name: then the peer's is in the quarantine.
 */
export async function fetchCopy(
  store: WalStore,
  session: ArchiveSession,
  file: ArchiveFile,
  { turn, rate }: FetchOptions = {},
): Promise<FetchedCopy> {
  const arriving = await getFile(session, { name: file.name, poll: true });
  if (arriving.kind === 'absent') return { outcome: 'absent', sizeBytes: 0 };
  const incoming = await IncomingFile.begin(store, file, arriving.modifiedMs);
  try {
    const fingerprint = new Fingerprint();
    async function* appended(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
      for await (const chunk of chunks) {
        fingerprint.update(chunk);
        await incoming.append(chunk);
        await rate?.take(chunk.length);
        yield chunk;
      }
    }
    await digestChunks(appended(arriving.chunks), file, store.identity?.segmentSize, {
      digest: 'of_several_frames',
    });
    const { sizeBytes } = incoming.part;
    // What arrived was compared with the peer's summary on the way.
    incoming.complete({ sizeBytes, fingerprint: fingerprint.text() });
    await incoming.makeDurable();
    await turn;
    return { outcome: await incoming.publish(), sizeBytes };
  } finally {
    await incoming.discard();
  }
}
