import { closeSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

const buffer = Buffer.alloc(2 ** 20);

/**
 * Reads a directory's files, so that they are in the page cache: a run that reads the files which the runs before it have read too is
 * to be like them, and some kernels give back what was not looked at for some seconds. Piece by piece: a program that is started from here has
 * our memory in its peak.
 */
export function bringIntoMemory(directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) readAll(join(entry.parentPath, entry.name));
  }
}

function readAll(path: string): void {
  const descriptor = openSync(path, 'r');
  while (readSync(descriptor, buffer) > 0);
  closeSync(descriptor);
}
