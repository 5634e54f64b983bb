import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { readSmallFile } from '../files/small-file.ts';
import { largestLabelBytes, parseBackupLabel, type WalPlace } from '../wal/backup-label.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import { type BackupDirectoryName, successFileName } from './backup-directory.ts';
import { listBackupFiles } from './backup-files.ts';
import type { SurveyedBackup } from './host-survey.ts';
import { listBackupNames, readListedBackup } from './list-backups.ts';
import type { StoredBackup } from './read-backup.ts';
import { reasonOf } from './survey-problem.ts';
import { backupHistoryPath } from './survey-wal.ts';

/**
 * All base backups of a cluster directory. One that cannot be read, or is another cluster's, is among them with its problem. Without an
 * identity nothing is known of any.
 */
export async function surveyBackups(
  cluster: ClusterDirectory,
  identity: ClusterIdentity | undefined,
  nowMs: number,
): Promise<SurveyedBackup[]> {
  const backups: SurveyedBackup[] = [];
  for (const name of await listBackupNames(cluster)) {
    const backup = await surveyBackup(cluster, name, identity, nowMs);
    if (backup !== undefined) backups.push(backup);
  }
  return backups;
}

async function surveyBackup(
  cluster: ClusterDirectory,
  name: BackupDirectoryName,
  identity: ClusterIdentity | undefined,
  nowMs: number,
): Promise<SurveyedBackup | undefined> {
  if (identity === undefined) return unusable(name, 'the archive has no cluster.json to compare it with');
  try {
    const stored = await readListedBackup(cluster, name.name, identity, nowMs);
    return stored === undefined ? undefined : await describe(cluster, stored, identity.segmentSize);
  } catch (error) {
    return unusable(name, reasonOf(error));
  }
}

async function describe(
  cluster: ClusterDirectory,
  { name, number, path, state, start, unreadable, startedMs, record }: StoredBackup,
  size: SegmentSize,
): Promise<SurveyedBackup> {
  const isComplete = state === 'complete';
  const major = record?.postgresMajor;
  return {
    name,
    number,
    state,
    problem: unreadable,
    start,
    stop: record?.stop ?? (await archivedStop(cluster, start, size)),
    startedMs: Math.trunc(startedMs),
    endedMs: record?.endedMs ?? (isComplete ? await markedMs(join(path, successFileName)) : undefined),
    sizeBytes: record?.sizeBytes,
    sourceBytes: record?.sourceBytes,
    fileCount: record?.fileCount,
    serverVersion: record?.serverVersion ?? (major === undefined ? undefined : major * 10_000),
    manifestSha256: record?.manifestSha256,
    parent: record?.parent,
    files: isComplete ? await listBackupFiles(path) : [],
  };
}

/** Where a backup without a record becomes consistent: a primary archives that when the backup ends. */
async function archivedStop(
  cluster: ClusterDirectory,
  start: WalPlace | undefined,
  size: SegmentSize,
): Promise<WalPlace | undefined> {
  if (start === undefined) return undefined;
  const segment = segmentNameAt(start.timeline, segmentNumberOfLsn(start.lsn, size), size);
  const path = backupHistoryPath(cluster, segment, Number(start.lsn % BigInt(size)));
  const content = await readSmallFile(path, largestLabelBytes);
  return content === undefined ? undefined : parseBackupLabel(content.toString('utf8'), size).stop;
}

async function markedMs(path: string): Promise<number> {
  return Math.trunc((await stat(path)).mtimeMs);
}

function unusable({ name, number, isPartial }: BackupDirectoryName, problem: string): SurveyedBackup {
  return {
    name,
    number,
    state: isPartial ? 'partial' : 'unfinished',
    problem,
    start: undefined,
    stop: undefined,
    startedMs: 0,
    endedMs: undefined,
    sizeBytes: undefined,
    sourceBytes: undefined,
    fileCount: undefined,
    serverVersion: undefined,
    manifestSha256: undefined,
    parent: undefined,
    files: [],
  };
}
