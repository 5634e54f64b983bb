import { readdirSync, statSync } from 'node:fs';
import { AcceptedHoles } from '../archive/accepted-holes.ts';
import { OwedFiles } from '../archive/owed-files.ts';
import { Tombstones } from '../archive/tombstones.ts';
import type { WalStore } from '../archive/wal-store.ts';
import type { Catalog } from '../protocol/catalog-text.ts';
import { type ArchiveFileName, isArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../wal/segment-position.ts';
import { listBackups } from './list-backups.ts';

/** A stat takes a few microseconds: other work waits a few milliseconds for a batch. */
const batchFiles = 1000;

/**
 * What this host holds, owes, has removed and has accepted. The names come first and the tombstones after them: a name that was
 * removed before the listing has its tombstone by then, so nothing that a cleanup removes is taken for missing.
 */
export async function readCatalog(store: WalStore, nowMs: number): Promise<Catalog> {
  const { directory } = store;
  const stored = await storedSizes(store);
  return {
    stored,
    owed: await new OwedFiles(directory).names(),
    removed: await namesNotStored(new Tombstones(directory), stored),
    backups: await backupStarts(store, nowMs),
    acceptedHoles: await new AcceptedHoles(directory).list(),
  };
}

/** The archive files and their sizes. A name that vanishes meanwhile is left out. */
async function storedSizes({ directory }: WalStore): Promise<Map<ArchiveFileName, number>> {
  const sizes = new Map<ArchiveFileName, number>();
  let batch = 0;
  for (const name of readdirSync(directory.walDirectory)) {
    if (!isArchiveFileName(name)) continue;
    // Synchronous calls: with promises, a stat takes ten times as long.
    const stats = statSync(directory.walFile(name), { throwIfNoEntry: false });
    if (stats !== undefined) sizes.set(name, stats.size);
    batch += 1;
    if (batch % batchFiles === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return sizes;
}

async function namesNotStored(
  tombstones: Tombstones,
  stored: ReadonlyMap<ArchiveFileName, number>,
): Promise<Set<ArchiveFileName>> {
  return new Set([...(await tombstones.names())].filter((name) => !stored.has(name)));
}

/** Where the WAL of the base backups begins that can be read. One that cannot be is the cleanup's matter. */
async function backupStarts({ directory, identity }: WalStore, nowMs: number): Promise<Set<SegmentName>> {
  if (identity === undefined) return new Set();
  const starts = (await listBackups(directory, identity, nowMs)).map(({ start }) => start);
  const names = starts.map((start) =>
    start === undefined
      ? []
      : [segmentNameAt(start.timeline, segmentNumberOfLsn(start.lsn, identity.segmentSize), identity.segmentSize)],
  );
  return new Set(names.flat());
}
