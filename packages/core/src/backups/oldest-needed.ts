import { Failure } from '../base/failure.ts';
import { segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import type { Protection } from './protection.ts';

/** The position below which no WAL is needed, and for whose sake not above it. */
export interface OldestNeeded {
  /** Segments with this number or a higher one are kept, on every timeline. */
  readonly segmentNumber: bigint;
  readonly protection: Protection & { readonly from: NonNullable<Protection['from']> };
}

/**
 * The oldest segment that anything on either host needs, by its number: positions are common to all timelines, and a recovery only
 * ever reads forward from the start of its backup, whatever timelines it goes over. So a segment with a number below the lowest
 * start is needed by no recovery from any of these, and no history has to be read to know that. A name's order would be another:
 * a restore to an earlier point leaves a backup of a higher timeline that starts at a lower position.
 *
 * Throws Failure `cleanup_refused` when nothing may be removed: without a complete backup, and when it is not known what something
 * needs.
 */
export function oldestNeeded(protections: readonly Protection[], size: SegmentSize): OldestNeeded {
  const unknown = protections.find(({ from }) => from === undefined);
  if (unknown !== undefined) throw unreadable(unknown);
  if (!protections.some(({ permits }) => permits)) {
    throw new Failure('cleanup_refused', 'there is no complete base backup, so all WAL is needed', {
      hint: 'Take one; a backup is complete by its backup.json, or one of the old scripts by a file SUCCESS in it.',
    });
  }
  let oldest: OldestNeeded | undefined;
  for (const protection of protections) {
    const { from } = protection;
    if (from === undefined) continue;
    const segmentNumber = segmentNumberOfLsn(from.lsn, size);
    if (oldest !== undefined && oldest.segmentNumber <= segmentNumber) continue;
    oldest = { segmentNumber, protection: { ...protection, from } };
  }
  if (oldest === undefined) throw new Error('a protection that permits has no start');
  return oldest;
}

function unreadable({ host, holder, unreadable: why }: Protection): Failure {
  return new Failure('cleanup_refused', `${holder} on ${host} may need any WAL: ${why ?? 'its start is not known'}`, {
    hint:
      'Put its backup_label where it can be read (of a tar: "tar -xOf base.tar.gz backup_label >backup_label" in that ' +
      'directory), or remove the directory if the backup is of no use.',
  });
}
