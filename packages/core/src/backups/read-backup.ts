import { existsSync } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import { readSystemIdentifier } from '../postgres/system-identifier-file.ts';
import type { WalPlace } from '../wal/backup-label.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { formatSystemIdentifier } from '../wal/system-identifier.ts';
import {
  type BackupDirectoryName,
  parseBackupDirectoryName,
  recordFileName,
  successFileName,
} from './backup-directory.ts';
import { labelPlaces, readLabel, readRecord } from './backup-marks.ts';
import type { BackupRecord } from './backup-record.ts';

/**
 * complete: by a backup.json that says verified, or by SUCCESS. unfinished: published without either. partial: being written.
 * abandoned: a partial one that nobody has written to for a day.
 */
export type BackupState = 'complete' | 'unfinished' | 'partial' | 'abandoned';

/** A base backup as it lies in the cluster directory. */
export interface StoredBackup extends BackupDirectoryName {
  readonly path: string;
  readonly state: BackupState;
  /** Where its recovery begins; undefined when neither backup.json nor backup_label can be read. */
  readonly start: WalPlace | undefined;
  /** Why there is no start, in words that follow "because". */
  readonly unreadable: string | undefined;
  /** When it was begun; of one without backup.json, when its label or SUCCESS was written. In milliseconds. */
  readonly startedMs: number;
  /** Undefined for a backup of other tools. */
  readonly record: BackupRecord | undefined;
}

/** After this long without a change, a partial backup that nobody holds the lock of is one that was left. */
const abandonedAfterMs = 24 * 3600 * 1000;

/**
 * One base backup, wherever it lies; undefined when there is no such directory. Throws Failure `wrong_cluster` when its pg_control
 * or its record is another cluster's.
 */
export async function readBackup(
  path: string,
  identity: ClusterIdentity,
  look: { nowMs: number; isBeingTaken: () => boolean },
): Promise<StoredBackup | undefined> {
  const baseName = path.slice(path.lastIndexOf('/') + 1);
  const name = parseBackupDirectoryName(baseName) ?? { name: baseName, number: undefined, isPartial: false };
  try {
    if (!(await stat(path)).isDirectory()) return undefined;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw toDiskFailure(error, `looking at ${path}`);
    if (!(await isLink(path))) return undefined;
    const unreadable = 'it is a link that leads nowhere';
    return { ...name, path, state: 'unfinished', start: undefined, unreadable, startedMs: 0, record: undefined };
  }
  checkSystem(path, identity);
  const { record, problem } = await readRecord(path, name.name);
  if (record !== undefined) checkRecordSystem(record, identity, path);
  const label = await readLabel(path, identity.segmentSize);
  // A record and a label that differ: what either needs is kept.
  const start = earlier(record?.start, label.start);
  const unreadable = start === undefined ? (problem ?? label.problem) : undefined;
  const state = await stateOf(path, name, record, start, look);
  const startedMs = record?.startedMs ?? (await earliestMark(path));
  return { ...name, path, state, start, unreadable, startedMs, record };
}

async function stateOf(
  path: string,
  { isPartial }: BackupDirectoryName,
  record: BackupRecord | undefined,
  start: WalPlace | undefined,
  { nowMs, isBeingTaken }: { nowMs: number; isBeingTaken: () => boolean },
): Promise<BackupState> {
  if (isPartial) {
    // With a label it is known what it needs: then it is never given up, however it looks. A plain pg_basebackup may write into
    // one subdirectory for days.
    if (start !== undefined || isBeingTaken()) return 'partial';
    return nowMs - (await newestChange(path)) > abandonedAfterMs ? 'abandoned' : 'partial';
  }
  if (record !== undefined) return record.verified ? 'complete' : 'unfinished';
  // A backup.json that cannot be read is ours all the same: SUCCESS says nothing of it.
  if (existsSync(join(path, recordFileName))) return 'unfinished';
  return existsSync(join(path, successFileName)) ? 'complete' : 'unfinished';
}

/** A data directory carries its cluster's identifier; a backup in tar files does not show it. */
function checkSystem(path: string, identity: ClusterIdentity): void {
  for (const place of [path, join(path, 'data')]) {
    const found = identifierIn(place);
    if (found === undefined || found === formatSystemIdentifier(identity.systemIdentifier)) continue;
    throw wrongCluster(path, found, identity);
  }
}

function identifierIn(place: string): string | undefined {
  try {
    return readSystemIdentifier(place);
  } catch (error) {
    throw toDiskFailure(error, `reading pg_control in ${place}`);
  }
}

function checkRecordSystem(record: BackupRecord, identity: ClusterIdentity, path: string): void {
  if (record.systemIdentifier === identity.systemIdentifier) return;
  throw wrongCluster(path, formatSystemIdentifier(record.systemIdentifier), identity);
}

function wrongCluster(path: string, found: string, identity: ClusterIdentity): Failure {
  const ours = formatSystemIdentifier(identity.systemIdentifier);
  return new Failure('wrong_cluster', `${path} is a backup of the cluster with identifier ${found}, not ${ours}`, {
    hint: 'Move it to the directory of its own cluster.',
  });
}

/** When the earliest of a backup's marks was written. The label comes first, but may have been put there later. */
async function earliestMark(path: string): Promise<number> {
  let earliestMs = (await stat(path)).mtimeMs;
  for (const name of [...labelPlaces, successFileName]) {
    const stats = await stat(join(path, name)).catch(() => undefined);
    earliestMs = Math.min(earliestMs, stats?.mtimeMs ?? earliestMs);
  }
  return earliestMs;
}

/** When something was last changed in the directory itself, in milliseconds: tar files grow there. */
async function newestChange(path: string): Promise<number> {
  let newestMs = (await stat(path)).mtimeMs;
  for (const name of await readdir(path)) {
    const stats = await stat(join(path, name)).catch(() => undefined);
    newestMs = Math.max(newestMs, stats?.mtimeMs ?? 0);
  }
  return newestMs;
}

async function isLink(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isSymbolicLink();
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function earlier(a: WalPlace | undefined, b: WalPlace | undefined): WalPlace | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.lsn <= b.lsn ? a : b;
}
