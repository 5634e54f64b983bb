import type { BackupRecord } from '@archive2/core/backups/backup-record.ts';
import type { Outcome } from '@archive2/core/queue/task.ts';
import { formatSystemIdentifier } from '@archive2/core/wal/system-identifier.ts';
import type { Aftermath } from '../run-job.ts';

/** A finished backup as the queue records it. */
export function outcomeOf(record: BackupRecord, aftermath: Aftermath = {}): Outcome {
  const { sourceBytes, serverVersion } = record;
  return {
    state: 'succeeded',
    result: {
      name: record.name,
      storedBytes: record.sizeBytes,
      startLsn: record.start.lsn,
      stopLsn: record.stop.lsn,
      timeline: record.stop.timeline,
      systemIdentifier: formatSystemIdentifier(record.systemIdentifier),
      toolVersion: record.tool,
      ...(sourceBytes === undefined ? {} : { sourceBytes }),
      ...(serverVersion === undefined ? {} : { serverVersion }),
      details: { files: record.fileCount, ...aftermath },
    },
  };
}
