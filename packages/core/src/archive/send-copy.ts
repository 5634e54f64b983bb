import { Failure } from '../base/failure.ts';
import type { RateLimit } from '../base/rate-limit.ts';
import type { ArchiveSession } from '../hosts/archive-session.ts';
import { putFile } from '../hosts/put.ts';
import type { ArchiveFile } from '../wal/archive-file.ts';
import { storedBody } from './stored-body.ts';
import { digestStored, type StoredFile } from './stored-file.ts';
import type { WalStore } from './wal-store.ts';

export interface SentCopy {
  /** same: the peer had this very content. absent: it is no longer stored here. */
  outcome: 'new' | 'same' | 'absent';
  /** As it is stored. */
  sizeBytes: number;
}

export interface SendOptions {
  rate?: RateLimit;
  /** The peer is known to lack the file: it is sent at once, without being asked for by digest. */
  isMissing?: boolean;
}

/**
 * Sees to it that the peer has this host's copy of a file, durably, as a forwarded put. Asked by digest, unless the file is known to be
 * missing: what the peer has is not sent again, and what it has damaged is replaced, by its own check. A damaged file is never passed
 * on: throws Failure `damaged` for one here, and the peer's refusals as they are.
 */
export async function sendCopy(
  store: WalStore,
  session: ArchiveSession,
  file: ArchiveFile,
  { rate, isMissing = false }: SendOptions = {},
): Promise<SentCopy> {
  const stored = await store.openStored(file.name);
  if (stored === undefined) return { outcome: 'absent', sizeBytes: 0 };
  try {
    const digest = await verify(stored, file, store, isMissing);
    const header = {
      name: file.name,
      modifiedMs: Math.max(0, stored.modifiedMs),
      ...(digest === undefined ? {} : { digest }),
      forwarded: true,
      ...(store.identity === undefined ? {} : { systemIdentifier: String(store.identity.systemIdentifier) }),
    };
    const { outcome } = await putFile(session, header, storedBody(store, file, rate));
    if (outcome !== 'new' && outcome !== 'same') {
      throw new Failure('protocol', `${session.host} says that ${file.name} is ${outcome.slice(0, 40)}`);
    }
    return { outcome, sizeBytes: stored.sizeBytes };
  } finally {
    await stored.close();
  }
}

/**
 * Reads the copy to its end and returns the digest to ask the peer by; none where the peer is not asked: then it need not be computed
 * for a segment of one frame, whose own checksum proves it, at two thirds of the cost.
 */
async function verify(
  stored: StoredFile,
  file: ArchiveFile,
  store: WalStore,
  isMissing: boolean,
): Promise<string | undefined> {
  const digest = isMissing ? 'of_several_frames' : 'always';
  const { rawDigest } = await digestStored(stored, file, store.identity?.segmentSize, { digest });
  return isMissing ? undefined : rawDigest;
}
