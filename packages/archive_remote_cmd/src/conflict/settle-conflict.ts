import { rename, unlink } from 'node:fs/promises';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { syncDirectory } from '@archive2/core/files/directory-sync.ts';
import { linkUnlessTaken } from '@archive2/core/files/link.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { type Claim, readContents } from './claims.ts';

/** Settles a conflict for the stored file: the contents that claim its name are removed for good. Returns how many. */
export async function keepStored(store: WalStore, file: ArchiveFile, claims: readonly Claim[]): Promise<number> {
  const stored = await readContents(store, file, store.directory.walFile(file.name));
  if (stored === undefined || stored.problem !== undefined) {
    throw new Failure('damaged', `${file.name} is not stored whole, so what claims its name is not removed`, {
      hint: 'Use "use-new" instead, or get a whole copy from the peer first.',
    });
  }
  for (const { path } of claims) await unlink(path);
  await syncDirectory(store.directory.quarantineDirectory);
  return claims.length;
}

/**
 * Settles a conflict for the newcomer, durably: it takes the name, and what was stored goes to the quarantine. At every moment
 * both contents have a name. Throws Failure `usage` unless exactly one content claims the name, and `damaged` when it is not
 * whole.
 */
export async function useNew(store: WalStore, file: ArchiveFile, claims: readonly Claim[]): Promise<void> {
  const [claim, ...others] = claims;
  if (claim === undefined || others.length > 0) {
    const tags = claims.map(({ tag }) => tag).join(', ');
    throw new Failure('usage', `${claims.length} contents claim ${file.name}${tags === '' ? '' : ` (${tags})`}`, {
      hint: 'Say which one: conflict use-new NAME DIGEST, with the digest as "conflict list" shows it.',
    });
  }
  const contents = await readContents(store, file, claim.path);
  if (contents?.problem !== undefined) throw new Failure('damaged', `${claim.path} is not whole: ${contents.problem}`);
  const storedPath = store.directory.walFile(file.name);
  const stored = await readContents(store, file, storedPath);
  if (stored !== undefined) {
    const tag = stored.rawDigest ?? `damaged-${claim.tag}`;
    await store.quarantine.keep(file.name, tag, (path) => linkUnlessTaken(storedPath, path));
  }
  await rename(claim.path, storedPath);
  await syncDirectory(store.directory.walDirectory);
  await syncDirectory(store.directory.quarantineDirectory);
}
