import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { type BackupRecord, formatBackupRecord } from '../../../packages/core/src/backups/backup-record.ts';
import type { ClusterIdentity } from '../../../packages/core/src/wal/cluster-identity.ts';
import { formatLsn, type Lsn, lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { systemIdentifierFromNumber } from '../../../packages/core/src/wal/system-identifier.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { nameOf, ourSystem } from '../archive/wal-segment.ts';
import { size } from './wal-world.ts';

export const identity: ClusterIdentity = {
  systemIdentifier: systemIdentifierFromNumber(ourSystem)!,
  segmentSize: size,
  postgresMajor: 15,
};

/** When the backups of these files begin; WAL is older unless a test says otherwise. */
export const backupMs = Date.UTC(2026, 10, 1);
export const walMs = backupMs - 24 * 3600 * 1000;
export const nowMs = backupMs + 24 * 3600 * 1000;

export function lsnIn(segment: number): Lsn {
  return lsnFromBytes(BigInt(segment) * BigInt(size) + 0x28n);
}

export function labelText(segment: number, timeline = 1): string {
  return labelTextAt(lsnIn(segment), timeline);
}

export function labelTextAt(position: Lsn, timeline: number): string {
  const lsn = formatLsn(position);
  return (
    `START WAL LOCATION: ${lsn} (file ${nameOf(Number(position / BigInt(size)), timeline)})\nCHECKPOINT LOCATION: ${lsn}\n` +
    `BACKUP METHOD: streamed\nBACKUP FROM: primary\nSTART TIME: 2026-11-01 00:00:00 UTC\nLABEL: x\nSTART TIMELINE: ${timeline}\n`
  );
}

export function recordOf(name: string, segment: number, fields: Partial<BackupRecord> = {}): BackupRecord {
  const timeline = timelineFromNumber(1)!;
  return {
    name,
    number: Number(/[0-9]+/.exec(name)?.[0] ?? 0),
    cluster: 'main',
    systemIdentifier: identity.systemIdentifier,
    postgresMajor: 15,
    segmentSize: size,
    start: { timeline, lsn: lsnIn(segment) },
    stop: { timeline, lsn: lsnIn(segment + 1) },
    startedMs: backupMs,
    endedMs: backupMs + 1000,
    tool: 'archive2 0.1.0, pg_basebackup 15.14',
    sizeBytes: 1,
    fileCount: 1,
    manifestSha256: undefined,
    verified: true,
    parent: undefined,
    ...fields,
  };
}

/** A directory of a base backup, with these files in it. */
export function makeBackup(cluster: ClusterDirectory, name: string, files: Record<string, string>): string {
  const path = join(cluster.path, name);
  mkdirSync(path, { recursive: true });
  for (const [file, content] of Object.entries(files)) {
    mkdirSync(join(path, file, '..'), { recursive: true });
    writeFileSync(join(path, file), content);
    utimesSync(join(path, file), backupMs / 1000, backupMs / 1000);
  }
  utimesSync(path, backupMs / 1000, backupMs / 1000);
  return path;
}

/** One of ours, complete. */
export function makeOwnBackup(
  cluster: ClusterDirectory,
  name: string,
  segment: number,
  fields: Partial<BackupRecord> = {},
) {
  return makeBackup(cluster, name, {
    backup_label: labelText(segment, fields.start?.timeline),
    'backup.json': formatBackupRecord(recordOf(name, segment, fields)),
  });
}

/** One of the old scripts, complete. */
export function makeOldBackup(cluster: ClusterDirectory, name: string, segment: number, timeline = 1): string {
  return makeBackup(cluster, name, { backup_label: labelText(segment, timeline), SUCCESS: '' });
}

/** Archive files without content: only their names and times count here. */
export function makeWal(cluster: ClusterDirectory, names: readonly string[], modifiedMs = walMs): void {
  for (const name of names) {
    writeFileSync(cluster.walFile(name), name);
    utimesSync(cluster.walFile(name), modifiedMs / 1000, modifiedMs / 1000);
  }
}

export function segments(from: number, to: number, timeline = 1): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => nameOf(from + index, timeline));
}
