import { type ArchiveFile, type ArchiveFileName, parseArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import { type Descent, laterWal, walOfTimeline } from '../wal/later-wal.ts';
import { parseTimelineHistory } from '../wal/timeline-history.ts';
import type { WalStore } from './wal-store.ts';

/**
 * Looks for WAL in the archive that builds on a segment, or is of a timeline whose history, it does not have: `names` are all its
 * names. Undefined when there is none. Throws Failure `damaged` when a history file cannot be read: then nobody can say.
 */
export async function findLaterWal(
  store: WalStore,
  file: ArchiveFile,
  names: readonly ArchiveFileName[],
): Promise<SegmentName | undefined> {
  const size = store.identity?.segmentSize;
  if ((file.kind !== 'segment' && file.kind !== 'history') || size === undefined) return undefined;
  const descents: Descent[] = [];
  for (const name of names) {
    if (!name.endsWith('.history')) continue;
    const { timeline } = parseArchiveFileName(name);
    if (timeline > file.timeline) descents.push({ timeline, ancestors: await readAncestors(store, name, timeline) });
  }
  return file.kind === 'history' ? walOfTimeline(file, names, descents) : laterWal(file, names, descents, size);
}

async function readAncestors(store: WalStore, name: ArchiveFileName, timeline: Descent['timeline']) {
  const stored = await store.openStored(name);
  if (stored === undefined) return [];
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of stored.chunks()) chunks.push(chunk);
    return parseTimelineHistory(Buffer.concat(chunks), timeline);
  } finally {
    await stored.close();
  }
}
