import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';
import { linkUnlessTaken } from '@archive2/core/files/link.ts';
import { PartFile } from '@archive2/core/files/part-file.ts';

const linkRefusals = new Set(['EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'ENOSYS', 'EMLINK']);

/**
 * Does once, with a small file that it removes again, all that storing needs: create, write, fsync, hard link, fsync of the
 * directory. Throws Failure `no_hard_links`, `disk_full` or `disk_error`.
 */
export async function tryStoring(directory: string, nowMs: number): Promise<void> {
  try {
    const part = await PartFile.create(directory, 'check');
    const second = `${part.path.slice(0, -'.part'.length)}.2.part`;
    try {
      await part.append(Buffer.from('archive2 checks that it can store here\n'));
      await part.sync(nowMs);
      await linkOrExplain(part.path, second);
      await syncDirectory(directory);
    } finally {
      await unlink(second).catch(() => undefined);
      await part.discard();
      await part.close();
    }
  } catch (error) {
    throw toDiskFailure(error, `checking ${join(directory, '')}`);
  }
}

async function linkOrExplain(path: string, second: string): Promise<void> {
  try {
    await linkUnlessTaken(path, second);
  } catch (error) {
    if (!linkRefusals.has(systemErrorCode(error) ?? '')) throw error;
    throw new Failure('no_hard_links', `the file system of ${path} has no hard links`, {
      cause: error,
      hint: 'Use a file system that has them (ext4, xfs, zfs, btrfs, NFS): they publish a file without ever replacing one.',
    });
  }
}
