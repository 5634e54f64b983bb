import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { replaceFileDurably } from '../files/atomic-file.ts';

/** What the last wal-sync that was run on this host found: state/sync.json. A dry run leaves nothing. */
export interface SyncState {
  readonly endedMs: number;
  /** As it was named. */
  readonly peer: string;
  /** Whether both hosts held the same files with the same contents at its end, as far as it looked. */
  readonly isEqual: boolean;
}

const pathOf = (cluster: ClusterDirectory) => join(cluster.stateDirectory, 'sync.json');

/** Undefined when no wal-sync ended here yet. Throws Failure `damaged` for what cannot be read. */
export async function readSyncState(cluster: ClusterDirectory): Promise<SyncState | undefined> {
  const path = pathOf(cluster);
  try {
    const { format, endedAt, peer, equal } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const endedMs = Date.parse(String(endedAt));
    if (format !== 1 || Number.isNaN(endedMs)) throw new Error('it has no endedAt');
    if (typeof peer !== 'string' || typeof equal !== 'boolean') throw new Error('peer or equal is missing');
    return { endedMs, peer, isEqual: equal };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new Failure('damaged', `${path} cannot be read`, {
      cause: error,
      hint: 'Remove the file: it only says when the last wal-sync ended.',
    });
  }
}

/** Durable on return. */
export async function writeSyncState(cluster: ClusterDirectory, { endedMs, peer, isEqual }: SyncState): Promise<void> {
  await mkdir(cluster.stateDirectory, { recursive: true, mode: 0o700 });
  const json = { format: 1, endedAt: new Date(endedMs).toISOString(), peer, equal: isEqual };
  await replaceFileDurably(pathOf(cluster), `${JSON.stringify(json, null, 2)}\n`, endedMs);
}
