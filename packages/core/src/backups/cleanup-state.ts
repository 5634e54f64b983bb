import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { replaceFileDurably } from '../files/atomic-file.ts';

/** What the last cleanup of this host leaves for the next one: state/cleanup.json. */
export interface CleanupState {
  readonly ranMs: number;
  /** The peer that was asked, by its name; undefined where there was none. */
  readonly peer: string | undefined;
  /** The oldest segment that was needed then, for people. */
  readonly oldestNeeded: string;
}

const pathOf = (cluster: ClusterDirectory) => join(cluster.stateDirectory, 'cleanup.json');

/** Held by a cleanup of this host's files, whoever asked for it. */
export function cleanupLock(cluster: ClusterDirectory): string {
  return join(cluster.stateDirectory, 'lock.cleanup');
}

/** Undefined when no cleanup ran here yet. Throws Failure `damaged` for what cannot be read. */
export async function readCleanupState(cluster: ClusterDirectory): Promise<CleanupState | undefined> {
  const path = pathOf(cluster);
  try {
    const { format, ranAt, peer, oldestNeeded } = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>;
    const ranMs = Date.parse(String(ranAt));
    if (format !== 1 || Number.isNaN(ranMs)) throw new Error('it has no ranAt');
    return { ranMs, peer: typeof peer === 'string' ? peer : undefined, oldestNeeded: String(oldestNeeded) };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw new Failure('damaged', `${path} cannot be read`, {
      cause: error,
      hint: 'Remove the file: it only says when the last cleanup ran.',
    });
  }
}

export async function writeCleanupState(cluster: ClusterDirectory, state: CleanupState): Promise<void> {
  const { ranMs, peer, oldestNeeded } = state;
  const json = { format: 1, ranAt: new Date(ranMs).toISOString(), peer, oldestNeeded };
  await replaceFileDurably(pathOf(cluster), `${JSON.stringify(json, null, 2)}\n`, ranMs);
}
