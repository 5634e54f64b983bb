import type { WalStore } from '@archive2/core/archive/wal-store.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { type AcceptedHole, isUsableAcceptance } from '@archive2/core/wal/accepted-hole.ts';
import { type ArchiveFile, type ArchiveFileName, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { type BackupStart, findHoles, type Hole } from '@archive2/core/wal/holes.ts';
import type { Descent } from '@archive2/core/wal/later-wal.ts';
import { segmentNumber } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { parseTimelineHistory } from '@archive2/core/wal/timeline-history.ts';

/** What the hosts have, together. */
export interface KnownFiles {
  /** Each name once. */
  names: Iterable<ArchiveFileName>;
  /** First segments of the base backups. */
  backups: Iterable<ArchiveFileName>;
  accepted: readonly AcceptedHole[];
  /** The content of a history file, from whichever host has it. */
  readHistory: (file: ArchiveFile) => Promise<Buffer | undefined>;
  /** Hears of a history file that both hosts have in the same state, and that is none: no later WAL is looked for along it. */
  onBrokenHistory: (file: ArchiveFile, failure: Failure) => void;
}

/** All holes; none in an archive without an identity, which has no segments. */
export async function lookForHoles(store: WalStore, known: KnownFiles): Promise<Hole[]> {
  const segmentSize = store.identity?.segmentSize;
  if (segmentSize === undefined) return [];
  const names = [...known.names];
  return findHoles({
    names,
    descents: await readDescents(names, known),
    backups: [...known.backups].flatMap((name) => startOf(name, segmentSize)),
    accepted: known.accepted.filter((hole) => isUsableAcceptance(hole, segmentSize)),
    segmentSize,
  });
}

async function readDescents(
  names: readonly ArchiveFileName[],
  { readHistory, onBrokenHistory }: KnownFiles,
): Promise<Descent[]> {
  const descents: Descent[] = [];
  for (const name of names) {
    if (!name.endsWith('.history')) continue;
    const file = parseArchiveFileName(name);
    const content = await readHistory(file);
    if (content === undefined) continue;
    try {
      descents.push({ timeline: file.timeline, ancestors: parseTimelineHistory(content, file.timeline) });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      onBrokenHistory(file, error);
    }
  }
  return descents;
}

function startOf(name: ArchiveFileName, segmentSize: SegmentSize): BackupStart[] {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') return [];
  return [{ timeline: file.timeline, segment: Number(segmentNumber(file, segmentSize)) }];
}
