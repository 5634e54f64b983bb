import { join } from 'node:path';
import { digestStored, StoredFile } from '@archive2/core/archive/stored-file.ts';
import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { type ArchiveFile, isArchiveFileName, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';

/** A content in the quarantine, and the name that it claims. */
export interface Claim {
  file: ArchiveFile;
  /** What stands behind the name: 16 hex digits of the digest, or `damaged-…` for a stored file that was replaced. */
  tag: string;
  path: string;
}

/** What a stored or quarantined file turns out to be when it is read. */
export interface Contents {
  rawDigest: string | undefined;
  rawSizeBytes: number | undefined;
  modifiedMs: number;
  problem: string | undefined;
}

/** All contents in the quarantine, by name; files that are none of ours are left out. */
export async function listClaims(store: WalStore): Promise<Claim[]> {
  const claims = (await store.quarantine.files()).map((entry) => claimOf(store, entry));
  return claims.filter((claim) => claim !== undefined);
}

function claimOf(store: WalStore, entry: string): Claim | undefined {
  const dot = entry.lastIndexOf('.');
  const name = entry.slice(0, dot);
  if (dot < 0 || !isArchiveFileName(name)) return undefined;
  return {
    file: parseArchiveFileName(name),
    tag: entry.slice(dot + 1),
    path: join(store.directory.quarantineDirectory, entry),
  };
}

/** Reads a file to its end; undefined when it is not there. What does not decode is told, not thrown. */
export async function readContents(store: WalStore, file: ArchiveFile, path: string): Promise<Contents | undefined> {
  const stored = await StoredFile.open(path, store.options.activity);
  if (stored === undefined) return undefined;
  try {
    const { rawDigest, rawSizeBytes } = await digestStored(stored, file, store.identity?.segmentSize);
    return { rawDigest, rawSizeBytes, modifiedMs: stored.modifiedMs, problem: undefined };
  } catch (error) {
    const problem = toFailure(error).message;
    return { rawDigest: undefined, rawSizeBytes: undefined, modifiedMs: stored.modifiedMs, problem };
  } finally {
    await stored.close();
  }
}
