import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemErrorCode, toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { compareArchivalOrder } from '@archive2/core/wal/archival-order.ts';
import { type ArchiveFile, isArchiveFileName, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { Shipper } from './shipper.ts';

/** Files in flight may hold this much WAL: it bounds the agent's memory whatever the segment size. */
const maxBytesUnderWay = 48 * 1024 * 1024;
/** Shipped and not yet asked for: further ahead nothing is gained, and PostgreSQL may have been told otherwise meanwhile. */
const maxUnclaimed = 64;

/** The names in a list of `archive_status` entries that wait to be archived, in the order in which PostgreSQL asks. */
export function readyFiles(entries: readonly string[]): ArchiveFile[] {
  return entries
    .filter((entry) => entry.endsWith('.ready'))
    .map((entry) => entry.slice(0, -'.ready'.length))
    .filter(isArchiveFileName)
    .map(parseArchiveFileName)
    .sort(compareArchivalOrder);
}

/**
 * Ships what PostgreSQL will ask for next, so that the answer is there when it asks. Woken by each call, it keeps a few files in
 * flight until nothing is ready or too much is unclaimed. What fails here is forgotten: PostgreSQL's own call tries again.
 */
export class ReadAhead {
  private readonly shipper: Shipper;
  private readonly maxInFlight: number;
  private readonly log: Log;
  private readonly unclaimed = new Set<string>();
  private readonly failed = new Set<string>();
  private scanning = false;
  private stopped = false;

  constructor(shipper: Shipper, maxInFlight: number, log: Log) {
    this.shipper = shipper;
    this.maxInFlight = maxInFlight;
    this.log = log;
  }

  /** PostgreSQL asked for the file at `path`: look at what is ready beside it. */
  claimed(path: string, name: string): void {
    this.unclaimed.delete(name);
    // The host that failed a file ahead of time may be well again by the next call.
    this.failed.clear();
    if (this.maxInFlight > 1) this.look(dirname(path));
  }

  stop(): void {
    this.stopped = true;
  }

  private look(walDirectory: string): void {
    if (this.scanning || this.stopped) return;
    this.scanning = true;
    this.begin(walDirectory).then(
      () => {
        this.scanning = false;
      },
      (error: unknown) => {
        this.scanning = false;
        this.log.warning('reading ahead failed', { reason: toFailure(error).message });
      },
    );
  }

  private async begin(walDirectory: string): Promise<void> {
    if (basename(walDirectory) !== 'pg_wal') return;
    const ready = readyFiles(await statusEntries(walDirectory));
    this.shipper.watcher.ready(ready.length);
    for (const file of ready) {
      if (!this.hasRoom()) return;
      if (this.shipper.knows(file.name) || this.failed.has(file.name)) continue;
      this.unclaimed.add(file.name);
      this.shipper.ship(join(walDirectory, file.name), file).then(
        () => this.look(walDirectory),
        (error: unknown) => {
          this.unclaimed.delete(file.name);
          this.failed.add(file.name);
          this.log.debug('not shipped ahead', { name: file.name, reason: toFailure(error).message });
        },
      );
    }
  }

  private hasRoom(): boolean {
    return (
      !this.stopped &&
      this.shipper.filesUnderWay < this.maxInFlight &&
      this.shipper.bytesUnderWay < maxBytesUnderWay &&
      this.unclaimed.size < maxUnclaimed
    );
  }
}

async function statusEntries(walDirectory: string): Promise<string[]> {
  try {
    return await readdir(join(walDirectory, 'archive_status'));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
