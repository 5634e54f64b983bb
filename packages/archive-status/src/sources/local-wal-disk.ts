import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freeSpace } from '@archive2/core/files/free-space.ts';
import { type Known, known, unknown } from '../model/known.ts';

export interface LocalDisk {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Between the postmaster's own note of its start and what SQL says of it. */
const startToleranceMs = 10_000;

/**
 * The file system of a server's pg_wal, if the server runs on this machine. A standby elsewhere may have the same path and the same
 * system identifier, so the proof is the start time in postmaster.pid.
 */
export async function lookAtLocalWal(
  name: string,
  dataDirectory: string,
  startedMs: number,
): Promise<Known<LocalDisk>> {
  try {
    const lines = (await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8')).split('\n');
    const notedMs = Number(lines[2]) * 1000;
    if (!(Math.abs(notedMs - startedMs) <= startToleranceMs)) return elsewhere(name);
    const { freeBytes, totalBytes } = await freeSpace(join(dataDirectory, 'pg_wal'));
    return known({ freeBytes, totalBytes });
  } catch {
    // Not there, or not ours to read: what is not this machine's server looks the same.
    return elsewhere(name);
  }
}

function elsewhere(name: string): Known<LocalDisk> {
  return unknown(`the disk of ${name} is known only on that machine, to the server's own account`);
}
