import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { SegmentName } from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { backupDamaged } from './backup-damage.ts';
import { type BackupManifest, readManifest } from './backup-manifest.ts';
import type { MemberBook } from './member-book.ts';
import { neededSegments } from './needed-segments.ts';

export interface ReadTars {
  directory: string;
  book: MemberBook;
  identity: ClusterIdentity;
}

/** Files without which PostgreSQL does not start a backup. */
const essentialFiles = ['PG_VERSION', 'backup_label', 'global/pg_control'];

/** Compares what came with backup_manifest, file by file. Throws Failure `backup_damaged`, `wrong_cluster` unless they agree. */
export async function verifyManifest({ directory, book, identity }: ReadTars): Promise<BackupManifest> {
  const path = join(directory, 'backup_manifest');
  if (!existsSync(path)) throw backupDamaged('has no backup_manifest');
  const essential = new Set(essentialFiles);
  const manifest = await readManifest(path, (file) => {
    book.settle(file);
    essential.delete(file.path);
  });
  book.checkAllSettled();
  const [lacking] = essential;
  if (lacking !== undefined) throw backupDamaged(`has no ${lacking}`);
  const { systemIdentifier } = manifest;
  if (systemIdentifier !== undefined && systemIdentifier !== identity.systemIdentifier) {
    throw backupDamaged(`has a manifest of the cluster ${systemIdentifier}, not ${identity.systemIdentifier}`);
  }
  return manifest;
}

/** Throws Failure `backup_damaged` when WAL of the backup is not among the segments of its pg_wal.tar. */
export function checkWalTar(
  segments: ReadonlySet<SegmentName>,
  ranges: BackupManifest['walRanges'],
  identity: ClusterIdentity,
): void {
  const lacking = neededSegments(ranges, identity.segmentSize).find((name) => !segments.has(name));
  if (lacking !== undefined) throw backupDamaged(`needs ${lacking}, which is not in its pg_wal.tar`);
  if (segments.size === 0) throw backupDamaged('has no WAL in its pg_wal.tar');
}
