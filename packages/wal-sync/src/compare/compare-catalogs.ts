import type { Catalog } from '@archive2/core/protocol/catalog-text.ts';
import { compareArchivalOrder } from '@archive2/core/wal/archival-order.ts';
import { type ArchiveFile, type ArchiveFileName, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';

/** What the names and sizes of two hosts say. */
export interface Comparison {
  /** To fetch and to send, in the order in which they are published. */
  missingHere: ArchiveFile[];
  missingThere: ArchiveFile[];
  /** How many names both have. */
  common: number;
  /** Both have the name, with stored forms of different sizes: only the contents can tell. */
  otherSize: ArchiveFileName[];
}

/** A name that either host has removed on purpose is missing nowhere. Equal sizes prove nothing; the scrub reads the contents. */
export function compareCatalogs(here: Catalog, there: Catalog): Comparison {
  const otherSize: ArchiveFileName[] = [];
  let common = 0;
  for (const [name, sizeBytes] of here.stored) {
    const other = there.stored.get(name);
    if (other === undefined) continue;
    common += 1;
    if (other !== sizeBytes) otherSize.push(name);
  }
  return {
    missingHere: missing(there, here),
    missingThere: missing(here, there),
    common,
    otherSize: otherSize.sort(),
  };
}

function missing(from: Catalog, to: Catalog): ArchiveFile[] {
  const files: ArchiveFile[] = [];
  for (const name of from.stored.keys()) {
    if (!to.stored.has(name) && !to.removed.has(name) && !from.removed.has(name))
      files.push(parseArchiveFileName(name));
  }
  return files.sort(compareArchivalOrder);
}
