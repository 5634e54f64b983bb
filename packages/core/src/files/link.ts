import { link } from 'node:fs/promises';
import { Failure, systemErrorCode } from '../base/failure.ts';

/** What link(2) says on a file system that has no hard links. */
const noLinksCodes = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/**
 * Gives a file a second name by link(2), which never replaces; false when the name is taken. Throws Failure `no_hard_links` where
 * the file system has none.
 */
export async function linkUnlessTaken(existingPath: string, newPath: string): Promise<boolean> {
  try {
    await link(existingPath, newPath);
    return true;
  } catch (error) {
    const code = systemErrorCode(error) ?? '';
    if (code === 'EEXIST') return false;
    if (!noLinksCodes.has(code)) throw error;
    throw new Failure('no_hard_links', `the file system of ${newPath} refuses hard links (${code})`, {
      cause: error,
      hint: 'Use a file system that has them (ext4, xfs, zfs, btrfs, NFS): they publish a file without ever replacing one.',
    });
  }
}
