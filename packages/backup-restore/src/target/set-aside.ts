import { lstat, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';

/**
 * Moves a directory to a name beside it by one rename: whatever happens, it has its old name or its new one. Durable on return. Throws
 * Failure `restore_refused` when the name is taken or the directory is a mount point.
 */
export async function setAside(path: string, asideName: string): Promise<void> {
  // rename(2) would replace an empty directory of that name.
  const isTaken = await lstat(asideName).then(
    () => true,
    () => false,
  );
  if (isTaken) throw new Failure('restore_refused', `${asideName} is there already`, { hint: 'Call this again.' });
  try {
    await rename(path, asideName);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'EBUSY' && code !== 'EXDEV') throw error;
    throw new Failure('restore_refused', `${path} cannot be moved to ${asideName} (${code})`, {
      cause: error,
      hint: 'It is a mount point: move what it holds by hand, or restore to a directory in it.',
    });
  }
  await syncDirectory(dirname(path));
}
