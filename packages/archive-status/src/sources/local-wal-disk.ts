import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
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
 * The file system of a server's pg_wal, if the server runs on this machine: it has one of this machine's addresses, and the
 * postmaster.pid in its data directory says when it started. A standby elsewhere has the same path, the same system identifier, and
 * may have been started in the same second.
 */
export async function lookAtLocalWal(
  name: string,
  dataDirectory: string,
  { startedMs, address }: { startedMs: number; address: string | null },
): Promise<Known<LocalDisk>> {
  if (address !== null && !isOurs(address)) return elsewhere(name);
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

function isOurs(address: string): boolean {
  return Object.values(networkInterfaces()).some((own) => own?.some((it) => it.address === address));
}

function elsewhere(name: string): Known<LocalDisk> {
  return unknown(`the disk of ${name} is known only on that machine, to the server's own account`);
}
