import { statSync } from 'node:fs';
import { join } from 'node:path';
import { isArchiveFileName, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { parseSegmentSize, type SegmentSize } from '@archive2/core/wal/segment-size.ts';

/** The segment size of the cluster whose pg_wal this is, by the size of a segment in it; undefined when there is none. */
export function segmentSizeIn(walDirectory: string, names: readonly string[]): SegmentSize | undefined {
  for (const name of names) {
    if (!isArchiveFileName(name) || parseArchiveFileName(name).kind !== 'segment') continue;
    const stats = statSync(join(walDirectory, name), { throwIfNoEntry: false });
    if (stats !== undefined) return parseSegmentSize(stats.size);
  }
  return undefined;
}
