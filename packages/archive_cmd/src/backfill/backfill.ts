import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { HistoryFile, SegmentFile } from '@archive2/core/wal/archive-file.ts';
import { parseTimelineHistory } from '@archive2/core/wal/timeline-history.ts';
import type { Shipper } from '../ship/shipper.ts';
import { planBackfill } from './plan-backfill.ts';
import { segmentSizeIn } from './segment-size-in.ts';

export interface BackfillReport {
  /** Segments that are durable in the archive now, whether they were before or not. */
  confirmed: number;
  failed: number;
}

/**
 * Ships what a promotion would leave as a hole: the segments of the parent timeline that are in `walDirectory` and that the archive
 * lacks, told by digest. One after the other, oldest first; one that fails is logged and does not keep the others back.
 */
export async function backfill(
  shipper: Shipper,
  walDirectory: string,
  history: HistoryFile,
  log: Log,
): Promise<BackfillReport> {
  const report = { confirmed: 0, failed: 0 };
  for (const file of await segmentsOfParent(walDirectory, history)) {
    try {
      await shipper.ship(join(walDirectory, file.name), file, { askFirst: true });
      report.confirmed += 1;
    } catch (error) {
      report.failed += 1;
      const failure = toFailure(error);
      // A recycled file keeps the name of one that is to come, and the content of one that is past.
      const isLeftover = failure.code === 'bad_page_header';
      if (isLeftover) log.debug('no segment of the parent timeline', { name: file.name });
      else log.warning('not backfilled', { name: file.name, code: failure.code, reason: failure.message });
    }
  }
  return report;
}

async function segmentsOfParent(walDirectory: string, history: HistoryFile): Promise<SegmentFile[]> {
  const ancestors = parseTimelineHistory(await readFile(join(walDirectory, history.name)), history.timeline);
  const names = await readdir(walDirectory);
  const size = segmentSizeIn(walDirectory, names);
  return size === undefined ? [] : planBackfill(names, ancestors, size);
}
