import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { systemErrorCode } from '../base/failure.ts';
import { replaceFileDurably } from '../files/atomic-file.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { parseBackupDirectoryName } from './backup-directory.ts';

/**
 * Notes, before anything else of it is there, which partial backup is ours: one that a killed run has left is removed by the next
 * run, one that another tool is writing is not. Only with the lock of base backups.
 */
export async function noteRun(cluster: ClusterDirectory, name: string, run: string, nowMs: number): Promise<void> {
  const json = { format: 1, name, run, startedAt: new Date(nowMs).toISOString() };
  await replaceFileDurably(noteOf(cluster), `${JSON.stringify(json, null, 2)}\n`, nowMs);
}

/** The name that was noted turned out to be another tool's: its partial backup is none of ours. */
export async function forgetRun(cluster: ClusterDirectory): Promise<void> {
  await unlink(noteOf(cluster));
  await syncDirectory(cluster.stateDirectory);
}

/** The name of the partial backup that the last run was writing, whether it is still there or not; undefined when not known. */
export async function lastRunPartial(cluster: ClusterDirectory): Promise<string | undefined> {
  try {
    const { name } = JSON.parse(await readFile(noteOf(cluster), 'utf8')) as Record<string, unknown>;
    const parsed = typeof name === 'string' ? parseBackupDirectoryName(name) : undefined;
    return parsed?.isPartial === true && parsed.number !== undefined ? parsed.name : undefined;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function noteOf(cluster: ClusterDirectory): string {
  return join(cluster.stateDirectory, 'base-backup.json');
}
