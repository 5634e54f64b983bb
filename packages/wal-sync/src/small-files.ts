import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { getFile } from '@archive2/core/hosts/get.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { largestTextBytes } from '@archive2/core/wal/file-size.ts';

/** The content of a history file that is stored here; undefined when it is not. */
export async function readSmallHere(store: WalStore, { name }: ArchiveFile): Promise<Buffer | undefined> {
  const stored = await store.openStored(name);
  if (stored === undefined) return undefined;
  try {
    return await joined(name, stored.chunks());
  } finally {
    await stored.close();
  }
}

/** The same of the peer's. */
export async function readSmallThere(session: ArchiveSession, { name }: ArchiveFile): Promise<Buffer | undefined> {
  const arriving = await getFile(session, { name, poll: true });
  return arriving.kind === 'absent' ? undefined : await joined(name, arriving.chunks);
}

async function joined(name: string, chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of chunks) {
    sizeBytes += chunk.length;
    if (sizeBytes > largestTextBytes) throw new Failure('damaged', `${name} is larger than ${largestTextBytes} bytes`);
    // It is good until the next one is asked for.
    pieces.push(Buffer.from(chunk));
  }
  return Buffer.concat(pieces);
}
