import { readdir } from 'node:fs/promises';
import { Failure } from '../base/failure.ts';
import {
  type ArchiveFile,
  type ArchiveFileName,
  isArchiveFileName,
  parseArchiveFileName,
} from '../wal/archive-file.ts';
import { segmentNumber } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import type { TimelineId } from '../wal/timeline-id.ts';

/** What a WAL directory holds by name; reading it costs about a millisecond per thousand files. */
export async function listArchiveNames(walDirectory: string): Promise<ArchiveFileName[]> {
  return (await readdir(walDirectory)).filter(isArchiveFileName);
}

/**
 * The newest full segment of each timeline: what "too far ahead" is measured against. Built from one look at the
 * directory, then told of each new segment.
 */
export class NewestSegments {
  private readonly newest = new Map<TimelineId, bigint>();
  private readonly segmentSize: SegmentSize;

  constructor(names: readonly ArchiveFileName[], segmentSize: SegmentSize) {
    this.segmentSize = segmentSize;
    for (const name of names) this.note(parseArchiveFileName(name));
  }

  note(file: ArchiveFile): void {
    if (file.kind !== 'segment') return;
    const number = segmentNumber(file, this.segmentSize);
    const known = this.newest.get(file.timeline);
    if (known === undefined || number > known) this.newest.set(file.timeline, number);
  }

  /**
   * Throws Failure `too_far_ahead` for a segment more than `maxAhead` beyond the newest one of its timeline, or, on a
   * timeline that has none yet, of any timeline. In an empty archive everything may be the first.
   */
  checkNotTooFar(file: ArchiveFile, maxAhead: number): void {
    if (file.kind === 'history' || this.newest.size === 0) return;
    const reference = this.newest.get(file.timeline) ?? largest(this.newest.values());
    const ahead = segmentNumber(file, this.segmentSize) - reference;
    if (ahead <= BigInt(maxAhead)) return;
    throw new Failure('too_far_ahead', `${file.name} is ${ahead} segments ahead of the newest archived one`, {
      hint: `If this is right (archiving was off for long), raise --max-ahead (${maxAhead}) on the archive host.`,
      details: { ahead: Number(ahead) },
    });
  }
}

function largest(numbers: Iterable<bigint>): bigint {
  let result = 0n;
  for (const number of numbers) if (number > result) result = number;
  return result;
}
