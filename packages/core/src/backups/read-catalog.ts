import { readdirSync } from 'node:fs';
import { AcceptedHoles } from '../archive/accepted-holes.ts';
import { OwedFiles } from '../archive/owed-files.ts';
import { Tombstones } from '../archive/tombstones.ts';
import type { WalStore } from '../archive/wal-store.ts';
import { DirectorySizes } from '../files/size-door.ts';
import { type Catalog, type CatalogPart, emptyCatalog } from '../protocol/catalog-text.ts';
import { type ArchiveFileName, isArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../wal/segment-position.ts';
import { listBackups } from './list-backups.ts';

/** A stat takes a few microseconds: other work waits a few milliseconds for a batch. */
const batchFiles = 1000;

/**
 * What this host holds, owes, has removed and has accepted, in parts, so that a large archive is never held at once. The names come
 * first and the tombstones after them: a name that was removed before the listing has its tombstone by then, so nothing that a
 * cleanup removes is taken for missing.
 */
export async function* readCatalogParts(store: WalStore, nowMs: number): AsyncGenerator<CatalogPart> {
  const { directory } = store;
  for await (const stored of storedSizes(store)) yield { ...emptyCatalog(), stored };
  yield {
    stored: [],
    owed: await new OwedFiles(directory).names(),
    removed: await new Tombstones(directory).names(),
    backups: await backupStarts(store, nowMs),
    acceptedHoles: await new AcceptedHoles(directory).list(),
  };
}

/** The same at once, for a comparison. */
export async function readCatalog(store: WalStore, nowMs: number): Promise<Catalog> {
  const catalog = emptyCatalog();
  for await (const part of readCatalogParts(store, nowMs)) {
    for (const [name, sizeBytes] of part.stored) catalog.stored.set(name, sizeBytes);
    for (const name of part.owed) catalog.owed.add(name);
    for (const name of part.removed) catalog.removed.add(name);
    for (const name of part.backups) catalog.backups.add(name);
    catalog.acceptedHoles.push(...part.acceptedHoles);
  }
  return catalog;
}

/** The archive files and their sizes, batch by batch. A name that vanishes meanwhile is left out. */
async function* storedSizes({ directory }: WalStore): AsyncGenerator<[ArchiveFileName, number][]> {
  const sizes = new DirectorySizes(directory.walDirectory);
  try {
    let batch: [ArchiveFileName, number][] = [];
    for (const name of readdirSync(directory.walDirectory)) {
      if (!isArchiveFileName(name)) continue;
      const sizeBytes = sizes.sizeOf(name);
      if (sizeBytes !== undefined) batch.push([name, sizeBytes]);
      if (batch.length < batchFiles) continue;
      yield batch;
      batch = [];
      await new Promise((resolve) => setImmediate(resolve));
    }
    yield batch;
  } finally {
    sizes.close();
  }
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
