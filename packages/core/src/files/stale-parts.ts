import { closeSync, lstatSync, openSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';
import { tryFlockExclusive } from './lock-door.ts';
import { isPartName } from './part-file.ts';

/** Younger ones are left alone: between a writer's open and its flock the file looks dead. */
const minAgeMs = 60_000;

/**
 * Removes the `.part` files that a dead writer left in `directory`: nobody holds their lock and they are over a minute
 * old. Returns the names removed. A file that cannot be looked at is left for the next time.
 */
export async function removeStaleParts(directory: string, nowMs: number): Promise<string[]> {
  const parts = (await readdir(directory)).filter(isPartName);
  return parts.filter((name) => removeIfStale(join(directory, name), nowMs));
}

function removeIfStale(path: string, nowMs: number): boolean {
  let fileDescriptor: number;
  try {
    const stats = lstatSync(path);
    // Opening a fifo would wait for a writer, and what a link leads to is not ours.
    if (!stats.isFile() || Math.abs(nowMs - stats.ctimeMs) < minAgeMs) return false;
    fileDescriptor = openSync(path, 'r');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'EACCES') return false;
    throw error;
  }
  try {
    if (!tryFlockExclusive(fileDescriptor)) return false;
    // Somebody who looked at the same time may have removed it since we opened it.
    rmSync(path, { force: true });
    return true;
  } finally {
    closeSync(fileDescriptor);
  }
}
