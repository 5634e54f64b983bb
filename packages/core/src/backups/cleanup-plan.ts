import { Failure } from '../base/failure.ts';
import {
  type ArchiveFile,
  type ArchiveFileName,
  type BackupHistoryFile,
  type PartialFile,
  parseArchiveFileName,
  type SegmentFile,
} from '../wal/archive-file.ts';
import { segmentNumber } from '../wal/segment-position.ts';
import { type SegmentSize, segmentsPerLog } from '../wal/segment-size.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { Protection } from './protection.ts';

/** An archive file that no recovery needs, by its position. */
export interface Candidate {
  readonly file: SegmentFile | PartialFile | BackupHistoryFile;
  readonly number: bigint;
}

/** A candidate as it lies on the disk: what is removed must still be this very file. */
export interface CandidateOnDisk extends Candidate {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  readonly inode: number;
}

/** What a cleanup removes of one timeline. */
export interface TimelineShare {
  readonly timeline: TimelineId;
  readonly files: number;
  readonly bytes: number;
  readonly first: ArchiveFileName;
  readonly last: ArchiveFileName;
}

/**
 * The files below a position, oldest first, so that a cleanup which is cut short leaves no hole. History files are none, whatever
 * they are of: they are small and tell which timelines are taken. A name that the segment size does not allow is nobody's to judge
 * and stays.
 */
export function candidatesBelow(
  names: readonly ArchiveFileName[],
  oldestNumber: bigint,
  size: SegmentSize,
): Candidate[] {
  const candidates: Candidate[] = [];
  for (const name of names) {
    const file = parseArchiveFileName(name);
    if (file.kind === 'history' || !isPossible(file, size)) continue;
    const number = segmentNumber(file, size);
    if (number < oldestNumber) candidates.push({ file, number });
  }
  return candidates.sort(byPosition);
}

/**
 * From when on whatever was written is kept, wherever it lies: since the newest complete backup began, and for `keepMs`. The WAL of
 * a server that was restored to an earlier point lies below the backups of before, and until there is a newer one nothing else
 * says that it is needed.
 */
export function keptSinceMs(protections: readonly Protection[], keepMs: number, nowMs: number): number {
  const begun = protections.flatMap(({ permits, startedMs }) =>
    permits && startedMs !== undefined ? [startedMs] : [],
  );
  return Math.min(Math.max(...begun), nowMs - keepMs);
}

/** The position below which everything was written before `keptSinceMs`, at most `oldestNumber`: what is kept is kept without holes. */
export function limitByAge(candidates: readonly CandidateOnDisk[], oldestNumber: bigint, keptSinceMs: number): bigint {
  let limit = oldestNumber;
  for (const { number, modifiedMs } of candidates) if (modifiedMs >= keptSinceMs && number < limit) limit = number;
  return limit;
}

/** Throws Failure `cleanup_refused` when too many of the archive's files would go: a wrong plan looks like that. */
export function checkFraction(removed: number, all: number, maxFraction: number): void {
  if (removed === 0 || removed <= all * maxFraction) return;
  throw new Failure(
    'cleanup_refused',
    `${removed} of ${all} files would be removed, more than ${maxFraction} of them`,
    {
      hint: 'Look at the plan with --dry-run; if it is right, run wal-cleanup on this host with --force.',
    },
  );
}

/** Files, bytes, first and last of each timeline, the oldest first. */
export function sharesByTimeline(candidates: readonly CandidateOnDisk[]): TimelineShare[] {
  const shares = new Map<TimelineId, TimelineShare>();
  for (const { file, sizeBytes } of candidates) {
    const share = shares.get(file.timeline);
    shares.set(file.timeline, {
      timeline: file.timeline,
      files: (share?.files ?? 0) + 1,
      bytes: (share?.bytes ?? 0) + sizeBytes,
      first: share === undefined || file.name < share.first ? file.name : share.first,
      last: share === undefined || file.name > share.last ? file.name : share.last,
    });
  }
  return [...shares.values()].sort((a, b) => a.timeline - b.timeline);
}

/**
 * Whether an archive with these names has WAL where a recovery begins: the full segment, or one at its position on a later
 * timeline, which begins with the same WAL when the timelines part within it.
 */
export function holdsStart(names: readonly ArchiveFileName[], start: SegmentFile): boolean {
  const position = start.name.slice(8);
  return names.some((name) => name.length === 24 && name.slice(8) === position && name >= start.name);
}

function isPossible(file: Exclude<ArchiveFile, { kind: 'history' }>, size: SegmentSize): boolean {
  return file.seg < segmentsPerLog(size);
}

function byPosition(a: Candidate, b: Candidate): number {
  if (a.number !== b.number) return a.number < b.number ? -1 : 1;
  return a.file.name < b.file.name ? -1 : 1;
}
