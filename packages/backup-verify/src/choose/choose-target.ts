import type { RecoveryTarget } from '@archive2/core/restore/server/recovery-target.ts';
import { parseArchiveFileName, type SegmentName } from '@archive2/core/wal/archive-file.ts';
import type { WalPlace } from '@archive2/core/wal/backup-label.ts';
import { type Lsn, lsnFromBytes } from '@archive2/core/wal/lsn.ts';
import { segmentStartLsn } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';

/**
 * The latest, or any position from the end of the backup to the beginning of the last segment: in that one a record begins, so the
 * target is reached. Where there is no such room it is the end of the backup. `share`: from 0 to below 1. Pure.
 */
export function chooseTarget(
  wish: 'latest' | 'random',
  stop: WalPlace,
  lastSegment: SegmentName | undefined,
  size: SegmentSize,
  share: number,
): RecoveryTarget {
  if (wish === 'latest') return { kind: 'latest' };
  const end = lastSegment === undefined ? undefined : startOf(lastSegment, size);
  if (end === undefined || end <= stop.lsn) return { kind: 'immediate' };
  const room = end - stop.lsn;
  // In thousandths of a thousandth: positions are beyond what a number holds exactly.
  const offset = (room * BigInt(Math.floor(share * 1_000_000))) / 1_000_000n;
  return { kind: 'lsn', lsn: lsnFromBytes(stop.lsn + offset), inclusive: true };
}

function startOf(name: SegmentName, size: SegmentSize): Lsn | undefined {
  const file = parseArchiveFileName(name);
  return file.kind === 'segment' ? segmentStartLsn(file, size) : undefined;
}
