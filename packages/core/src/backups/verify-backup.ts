import { existsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { backupDamaged } from './backup-damage.ts';
import { type BackupManifest, readManifest } from './backup-manifest.ts';
import { inspectTar } from './inspect-tar.ts';
import type { MemberBook } from './member-book.ts';
import { neededSegments } from './needed-segments.ts';
import { WalTarInspector } from './wal-tar-inspector.ts';

export interface FinishedTars {
  directory: string;
  book: MemberBook;
  identity: ClusterIdentity;
  clock: Clock;
}

/** Files without which PostgreSQL does not start a backup. */
const essentialFiles = ['PG_VERSION', 'backup_label', 'global/pg_control'];

/** Compares what came with backup_manifest, file by file. Throws Failure `backup_damaged`, `wrong_cluster` unless they agree. */
export async function verifyManifest({ directory, book, identity }: FinishedTars): Promise<BackupManifest> {
  checkIsThere(directory, 'backup_manifest');
  const essential = new Set(essentialFiles);
  const manifest = await readManifest(join(directory, 'backup_manifest'), (file) => {
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

/**
 * Checks pg_wal.tar and puts a compressed copy in its place: with it the backup can be started when there is no archive at all.
 * `ranges` undefined: not known, with PostgreSQL 12. Throws Failure `backup_damaged` when WAL of the backup is not in it.
 */
export async function finishWalTar(
  tars: FinishedTars & { signal: AbortSignal },
  ranges: BackupManifest['walRanges'] | undefined,
): Promise<void> {
  const { directory, identity, signal, clock } = tars;
  checkIsThere(directory, 'pg_wal.tar');
  const path = join(directory, 'pg_wal.tar');
  const listener = new WalTarInspector(identity);
  await inspectTar({ path, listener, compress: true, finished: AbortSignal.abort(), signal, clock });
  const lacking = neededSegments(ranges ?? [], identity.segmentSize).find((name) => !listener.segments.has(name));
  if (lacking !== undefined) throw backupDamaged(`needs ${lacking}, which is not in its pg_wal.tar`);
  if (listener.segments.size === 0) throw backupDamaged('has no WAL in its pg_wal.tar');
  await unlink(path);
}

function checkIsThere(directory: string, name: string): void {
  if (!existsSync(join(directory, name))) throw backupDamaged(`has no ${name}`);
}
