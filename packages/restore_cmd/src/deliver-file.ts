import { copyFile, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { systemErrorCode } from '@archive2/core/base/failure.ts';
import { PartFile } from '@archive2/core/files/part-file.ts';
import { PlaceFailure } from './receive/place-failure.ts';

/**
 * Puts a complete file where PostgreSQL wants it, at once: by a rename, or from another file system by a copy and a rename. Throws
 * PlaceFailure when it cannot; then nothing is at the path that was not there before.
 */
export async function deliverFile(from: string, path: string): Promise<void> {
  try {
    await rename(from, path);
  } catch (error) {
    if (systemErrorCode(error) !== 'EXDEV') throw PlaceFailure.of(path, error);
    await copyAcross(from, path);
  }
}

async function copyAcross(from: string, path: string): Promise<void> {
  let part: PartFile | undefined;
  try {
    // Under a name and a lock that tell what it is to whoever finds it after a crash.
    part = await PartFile.create(dirname(path), basename(path));
    await copyFile(from, part.path);
    await part.replace(basename(path));
    await rm(from, { force: true });
  } catch (error) {
    throw PlaceFailure.of(path, error);
  } finally {
    await part?.discard();
    await part?.close();
  }
}
