import { join } from 'node:path';
import { readSmallFile } from '../files/small-file.ts';
import { largestLabelBytes, parseBackupLabel, type WalPlace } from '../wal/backup-label.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import { recordFileName } from './backup-directory.ts';
import { type BackupRecord, parseBackupRecord } from './backup-record.ts';

/** Where pg_basebackup or the old scripts leave the label: beside the marks, or in the data directory below them. */
export const labelPlaces = ['backup_label', 'data/backup_label'];

const largestRecordBytes = 1024 * 1024;

/** backup.json of a backup's directory. `problem`: it is there and cannot be read, and why. */
export async function readRecord(
  path: string,
  name: string,
): Promise<{ record: BackupRecord | undefined; problem: string | undefined }> {
  try {
    const text = await readText(join(path, recordFileName), largestRecordBytes);
    if (text === undefined) return { record: undefined, problem: undefined };
    return { record: parseBackupRecord(text, name), problem: undefined };
  } catch (error) {
    return { record: undefined, problem: messageOf(error) };
  }
}

/** Where recovery of a backup begins, by its backup_label; `problem` says why that is not known. */
export async function readLabel(
  path: string,
  segmentSize: SegmentSize,
): Promise<{ start: WalPlace | undefined; problem: string }> {
  let problem = `there is no ${labelPlaces.join(' or ')} in it`;
  for (const place of labelPlaces) {
    try {
      const text = await readText(join(path, place), largestLabelBytes);
      if (text !== undefined) return { start: parseBackupLabel(text, segmentSize).start, problem: '' };
    } catch (error) {
      problem = `its ${place} cannot be read: ${messageOf(error)}`;
    }
  }
  return { start: undefined, problem };
}

async function readText(path: string, maxBytes: number): Promise<string | undefined> {
  return (await readSmallFile(path, maxBytes))?.toString('utf8');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
