import { mkdir, open, rename, stat } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import type { ClusterDirectory } from './cluster-directory.ts';

/** What happened, in one word, and facts about it. */
export interface ArchiveEvent {
  event: string;
  [fact: string]: string | number | boolean | null;
}

const largestFileBytes = 10 * 1024 * 1024;

/**
 * Adds a line to `state/events.jsonl`, durably: what was decided about this archive, by whom and when, for whoever asks later.
 * Beyond 10 MiB the file becomes `events.jsonl.1`.
 */
export async function recordEvent(cluster: ClusterDirectory, event: ArchiveEvent, nowMs: number): Promise<void> {
  await mkdir(cluster.stateDirectory, { recursive: true, mode: 0o700 });
  await makeRoom(cluster.eventsFile);
  const line = `${JSON.stringify({ at: new Date(nowMs).toISOString(), ...event })}\n`;
  const file = await open(cluster.eventsFile, 'a', 0o600);
  try {
    // One write, appended: lines of processes that write at the same time do not mix.
    await file.write(line);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncDirectory(cluster.stateDirectory);
}

async function makeRoom(path: string): Promise<void> {
  try {
    if ((await stat(path)).size >= largestFileBytes) await rename(path, `${path}.1`);
  } catch (error) {
    // Not there yet, or another process has just moved it.
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
