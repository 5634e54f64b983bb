import { randomBytes } from 'node:crypto';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';
import { linkUnlessTaken } from '@archive2/core/files/link.ts';
import { PartFile } from '@archive2/core/files/part-file.ts';

/**
 * Does once, with a small file that it removes again, all that storing needs: create, write, fsync, hard link, fsync of the
 * directory. Throws Failure `no_hard_links`, `disk_full` or `disk_error`.
 */
export async function tryStoring(directory: string, nowMs: number): Promise<void> {
  try {
    const part = await PartFile.create(directory, 'check');
    // A name that is known as a part: a crash between here and its removal leaves nothing for ever.
    const second = join(directory, `.check.${randomBytes(8).toString('hex')}.part`);
    try {
      await part.append(Buffer.from('archive2 checks that it can store here\n'));
      await part.sync(nowMs);
      await linkUnlessTaken(part.path, second);
      await syncDirectory(directory);
    } finally {
      await unlink(second).catch(() => undefined);
      await part.discard();
      await part.close();
    }
  } catch (error) {
    throw toDiskFailure(error, `checking ${directory}`);
  }
}
