import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { Tombstones } from '../archive/tombstones.ts';
import { parseArchiveFileName } from '../wal/archive-file.ts';
import { segmentNumber } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';

/**
 * Drops this host's tombstones of files that lie below a segment number, because the peer has nothing left there that it could send.
 * Returns how many.
 */
export async function dropTombstonesBelow(
  cluster: ClusterDirectory,
  clearedBelow: bigint,
  size: SegmentSize,
  nowMs: number,
): Promise<number> {
  const isBelow = (name: Parameters<typeof parseArchiveFileName>[0]) => {
    const file = parseArchiveFileName(name);
    return file.kind !== 'history' && segmentNumber(file, size) < clearedBelow;
  };
  return await new Tombstones(cluster).drop(isBelow, nowMs);
}
