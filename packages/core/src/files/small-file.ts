import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Failure, systemErrorCode } from '../base/failure.ts';

/** The content of a small file; undefined when there is none. Throws Failure `damaged` for one that is larger than `maxBytes`, or no plain file. */
export async function readSmallFile(path: string, maxBytes: number): Promise<Buffer | undefined> {
  let handle: FileHandle;
  try {
    // Opening a pipe would wait for its writer.
    handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    const stats = await handle.stat();
    if (!stats.isFile() || stats.size > maxBytes) throw new Failure('damaged', `${path} is not what its name says`);
    return await handle.readFile();
  } finally {
    await handle.close();
  }
}
