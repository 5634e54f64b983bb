import type { BackupRecord } from '@archive2/core/backups/backup-record.ts';
import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';

/** A finished backup for a person, in one line. */
export function describeBackup(record: BackupRecord): string {
  const { name, cluster, sourceBytes = 0, sizeBytes, fileCount, start, stop, startedMs, endedMs } = record;
  const seconds = Math.max(1, Math.round((endedMs - startedMs) / 1000));
  return (
    `${name} of ${cluster} is complete: ${formatBytes(sourceBytes)} in ${fileCount} files, ${formatBytes(sizeBytes)} stored, ` +
    `${seconds} s, WAL ${formatLsn(start.lsn)} to ${formatLsn(stop.lsn)} on timeline ${stop.timeline}\n`
  );
}
