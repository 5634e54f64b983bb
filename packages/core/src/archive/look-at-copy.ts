import { Failure, toFailure } from '../base/failure.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import type { CopyState } from '../hosts/ask.ts';
import type { ArchiveFile } from '../wal/archive-file.ts';
import { digestStored, type StoredFile } from './stored-file.ts';
import type { WalStore } from './wal-store.ts';

/**
 * Reads this host's own copy of a file to its end: the label in it is the writer's word, the content is what counts. Never throws:
 * a disk that cannot read it is `unreadable`, which says nothing about the content.
 */
export async function lookAtCopy(store: WalStore, file: ArchiveFile): Promise<CopyState> {
  let stored: StoredFile | undefined;
  try {
    stored = await store.openStored(file.name);
    if (stored === undefined) return { state: 'absent' };
    const { rawDigest } = await digestStored(stored, file, store.identity?.segmentSize);
    return { state: 'whole', rawDigest };
  } catch (error) {
    const { code, message } = toFailure(toDiskFailure(error, `reading ${file.name}`));
    return { state: isDamage(error) ? 'damaged' : 'unreadable', reason: `${message} (${code})` };
  } finally {
    await stored?.close();
  }
}

function isDamage(error: unknown): boolean {
  return error instanceof Failure && error.code === 'damaged';
}
