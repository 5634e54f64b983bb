import { existsSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { SegmentName } from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { backupDamaged } from './backup-damage.ts';
import { inspectTar } from './inspect-tar.ts';
import { WalTarInspector } from './wal-tar-inspector.ts';

export interface WalTar {
  directory: string;
  identity: ClusterIdentity;
  signal: AbortSignal;
  clock: Clock;
}

/**
 * Looks into pg_wal.tar and puts a compressed copy in its place, durably: with it the backup can be started when there is no archive
 * at all. To be called when pg_basebackup has ended, as it writes this tar not from its beginning to its end. Resolves with the
 * segments that are in it. Throws Failure `backup_damaged`.
 */
export async function receiveWalTar({ directory, identity, signal, clock }: WalTar): Promise<Set<SegmentName>> {
  const path = join(directory, 'pg_wal.tar');
  if (!existsSync(path)) throw backupDamaged('has no pg_wal.tar');
  const listener = new WalTarInspector(identity);
  await inspectTar({ path, listener, compress: true, finished: AbortSignal.abort(), signal, clock });
  await unlink(path);
  return listener.segments;
}
