import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { StoredFile } from '@archive2/core/archive/stored-file.ts';
import { Activity } from '@archive2/core/base/activity.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { PlaceFailure } from '../receive/place-failure.ts';
import { receiveFile, type WantedFile } from '../receive/receive-file.ts';
import type { HostFetch } from './fetch-from-host.ts';
import { laterLocalWal } from './later-local-wal.ts';

/** A directory of this machine in which somebody has put archive files. It is only read. */
export interface LocalSource {
  directory: string;
  /** No host is asked: what is not there is absent. */
  isOnly: boolean;
}

/**
 * Takes a file from the local directory, stored plain or as the archive stores it, verified as one from a host. Never throws: a bad
 * file is logged and is the answer "damaged", a directory that cannot be read "cannot say". The caller ends the part.
 */
export async function fetchLocally(source: LocalSource, wanted: WantedFile, log: Log): Promise<HostFetch> {
  const { file } = wanted;
  const path = join(source.directory, file.name);
  try {
    const stored = await StoredFile.open(path, new Activity());
    if (stored === undefined) return { answer: source.isOnly ? await noOf(source, wanted) : { kind: 'no' } };
    try {
      const received = await receiveFile(stored.chunks(), wanted);
      log.info('taken from the local directory', { path });
      return { answer: { kind: 'delivered' }, fetched: { ...received, modifiedMs: stored.modifiedMs } };
    } finally {
      await stored.close();
    }
  } catch (error) {
    const reason = toFailure(error).message;
    if (error instanceof PlaceFailure) return { answer: { kind: 'cannot_say', reason }, placeFailure: error };
    log.warning('bad local file passed over', { path, reason });
    return { answer: { kind: 'damaged', reason } };
  }
}

/** That a file is not in a directory may end a recovery: only if the directory can be listed, and has no later WAL. */
async function noOf({ directory }: LocalSource, { file }: WantedFile): Promise<HostFetch['answer']> {
  try {
    const later = await laterLocalWal(directory, file, await readdir(directory));
    return later === undefined ? { kind: 'no' } : { kind: 'no', later };
  } catch (error) {
    return { kind: 'cannot_say', reason: toFailure(error).message };
  }
}
