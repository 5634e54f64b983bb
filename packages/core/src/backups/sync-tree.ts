import { chmod, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { workBounded } from '../base/bounded-work.ts';
import { syncDirectory } from '../files/directory-sync.ts';

/** What a directory holds, by count and size as it lies on the disk. */
export interface TreeSize {
  fileCount: number;
  sizeBytes: number;
}

/** The disk makes one commit of what is asked for at the same time. */
const width = 8;

/** Makes all files and directories below `path`, and itself, durable and ours alone (0600, 0700). */
export async function syncTree(path: string): Promise<TreeSize> {
  let fileCount = 0;
  let sizeBytes = 0;
  await workBounded(await readdir(path, { withFileTypes: true }), width, async (entry) => {
    const place = join(path, entry.name);
    const inner = entry.isDirectory() ? await syncTree(place) : { fileCount: 1, sizeBytes: await syncFile(place) };
    fileCount += inner.fileCount;
    sizeBytes += inner.sizeBytes;
  });
  await chmod(path, 0o700);
  await syncDirectory(path);
  return { fileCount, sizeBytes };
}

async function syncFile(path: string): Promise<number> {
  const handle = await open(path, 'r');
  try {
    const stats = await handle.stat();
    if (!stats.isFile()) throw new Error(`${path} is no plain file`);
    await handle.chmod(0o600);
    await handle.sync();
    return stats.size;
  } finally {
    await handle.close();
  }
}
