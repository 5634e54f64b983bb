import { constants } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import { systemErrorCode } from '../../base/failure.ts';
import { pageAligned } from '../../files/page-aligned.ts';
import type { AnchoredDirectory } from './anchored-directory.ts';

const probeName = '.archive2-direct-io';

/** Whether files of this directory can be written without the page cache: not on every file system (tmpfs, some of the network). */
export async function takesDirectIo(directory: AnchoredDirectory): Promise<boolean> {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECT } = constants;
  const way = directory.wayTo(probeName);
  try {
    const handle = await open(way, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_DIRECT, 0o600);
    try {
      // Some refuse only this.
      await handle.write(pageAligned(2 ** 16), 8192, 4096, 0);
      return true;
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (systemErrorCode(error) === 'EINVAL') return false;
    throw error;
  } finally {
    await unlink(way).catch((error: unknown) => {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    });
  }
}
