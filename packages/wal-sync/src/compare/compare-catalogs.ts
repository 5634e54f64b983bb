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
  /** What the peer holds and this host does not, for whatever reason. */
  onlyThere: ArchiveFileName[];
  /** Both have the name, with stored forms of different sizes: only the contents can tell. */
  otherSize: ArchiveFileName[];
}

/**
 * A name that is removed on purpose where it is missing is not missing. Equal sizes prove nothing; the scrub reads the contents. One
 * pass over each side: this runs over every file of two archives.
 */
export function compareCatalogs(here: Catalog, there: Catalog): Comparison {
  const onlyHere: ArchiveFileName[] = [];
  const otherSize: ArchiveFileName[] = [];
  for (const [name, sizeBytes] of here.stored) {
    const other = there.stored.get(name);
    if (other === undefined) onlyHere.push(name);
    else if (other !== sizeBytes) otherSize.push(name);
  }
  const common = here.stored.size - onlyHere.length;
  // Where the numbers agree there is nothing to look for.
  const onlyThere =
    common === there.stored.size ? [] : [...there.stored.keys()].filter((name) => !here.stored.has(name));
  return {
    missingHere: inOrder(onlyThere.filter((name) => !here.removed.has(name))),
    missingThere: inOrder(onlyHere.filter((name) => !there.removed.has(name))),
    common,
    onlyThere,
    otherSize: otherSize.sort(),
  };
}

function inOrder(names: readonly ArchiveFileName[]): ArchiveFile[] {
  return names.map(parseArchiveFileName).sort(compareArchivalOrder);
}
