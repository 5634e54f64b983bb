import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { createFileDurably } from '../files/atomic-file.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import type { ClusterDirectory } from './cluster-directory.ts';

/**
 * The random id of an archive directory, made at the first need, durably and exclusively. It tells two archives from one that is
 * reached under two names: one directory is never counted as two copies.
 */
export async function readOrMakeStoreId(directory: ClusterDirectory, nowMs: number): Promise<string> {
  const known = await readStoreId(directory);
  if (known !== undefined) return known;
  if ((await mkdir(directory.stateDirectory, { recursive: true, mode: 0o700 })) !== undefined) {
    await syncDirectory(directory.path);
  }
  await createFileDurably(directory.storeIdFile, `${randomUUID()}\n`, nowMs);
  const made = await readStoreId(directory);
  if (made === undefined) throw new Failure('disk_error', `${directory.storeIdFile} vanished while it was made`);
  return made;
}

/** The id of an archive directory; undefined until one was made. Throws Failure `damaged` for a file that holds none. */
export async function readStoreId(directory: ClusterDirectory): Promise<string | undefined> {
  try {
    const text = (await readFile(directory.storeIdFile, 'utf8')).trim();
    if (/^[0-9a-f-]{36}$/.test(text)) return text;
    throw new Failure('damaged', `${directory.storeIdFile} holds no id`, {
      hint: "Remove the file: a new id is made. It must only differ from the peer's.",
    });
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
