import { readFile } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import { type ArchiveFile, isArchiveFileName } from '../wal/archive-file.ts';
import { coversAbsence } from './pledge.ts';
import { PledgeFile } from './pledge-file.ts';
import type { WalStore } from './wal-store.ts';

/**
 * Whether the "no" of this archive is enough, because nobody was told that the file is archived without both hosts having it. In any
 * doubt it is not: the other host is asked then, or a person.
 */
export async function speaksForBoth(store: WalStore, file: ArchiveFile): Promise<boolean> {
  try {
    const pledge = await new PledgeFile(store.directory, store.options.clock).reliable();
    return pledge !== undefined && coversAbsence(pledge, file) && (await hasItsNewest(store));
  } catch (error) {
    store.options.log.warning('the pledge of two copies cannot be relied on', { reason: String(error) });
    return false;
  }
}

/** An archive that lost its end, to a repair of the file system or to a person, still says in LASTLOG what it stored last. */
async function hasItsNewest(store: WalStore): Promise<boolean> {
  try {
    const name = (await readFile(store.directory.lastLogFile, 'utf8')).trim();
    return isArchiveFileName(name) && (await store.has(name));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
