import type { Clock } from '@archive2/core/base/clock.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { HostPool } from '@archive2/core/hosts/host-pool.ts';
import type { PutHeader } from '@archive2/core/hosts/put.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { EncodedBody } from './encoded-body.ts';
import type { ReadBuffers } from './read-buffers.ts';
import { shipFile } from './ship-file.ts';
import { nobodyWatches, type ShipWatcher } from './ship-watcher.ts';
import { SourceFile, type SourceIdentity, sameSource, sourceIdentity } from './source-file.ts';
import { VerdictMemory } from './verdict-memory.ts';

export interface ShipperOptions {
  pool: HostPool;
  /** Resolves when what the pool remembers is written. */
  saved: () => Promise<void>;
  minCopies: 1 | 2;
  preferredWaitMs: number;
  buffers: ReadBuffers;
  /** Default: nobody. */
  watcher?: ShipWatcher;
  clock: Clock;
  log: Log;
}

interface UnderWay {
  identity: SourceIdentity;
  done: Promise<void>;
}

/** Ships files with one set of settings, and knows which ones it shipped: a file is sent once, however often it is asked for. */
export class Shipper {
  readonly watcher: ShipWatcher;
  private readonly options: ShipperOptions;
  private readonly memory = new VerdictMemory();
  private readonly underWay = new Map<string, UnderWay>();
  private opening: Promise<void> = Promise.resolve();
  private rawBytesUnderWay = 0;
  private shippedCount = 0;
  private failedCount = 0;

  constructor(options: ShipperOptions) {
    this.options = options;
    this.watcher = options.watcher ?? nobodyWatches;
  }

  /**
   * Resolves when the file at `path` is durable under its name; joins a transfer of the same file that is under way. Throws the
   * Failure that kept it from the archive. `askFirst`: the archive probably has it, so it is asked by digest.
   */
  async ship(path: string, file: ArchiveFile, { askFirst = false }: { askFirst?: boolean } = {}): Promise<void> {
    const identity = sourceIdentity(path);
    if (this.memory.holds(file.name, identity)) return;
    const running = this.underWay.get(file.name);
    if (running !== undefined) {
      if (sameSource(running.identity, identity)) return await running.done;
      // Another file under the same name: the one under way is settled first, then this one is asked about by itself.
      await running.done.catch(() => undefined);
      return await this.ship(path, file, { askFirst });
    }
    const done = this.shipNew(path, file, identity, askFirst);
    this.underWay.set(file.name, { identity, done });
    this.rawBytesUnderWay += Number(identity.sizeBytes);
    const settle = (): void => {
      this.underWay.delete(file.name);
      this.rawBytesUnderWay -= Number(identity.sizeBytes);
    };
    done.then(settle, settle);
    await done;
  }

  /** True when the name was confirmed, or is under way: nothing to begin for somebody who looks ahead. */
  knows(name: string): boolean {
    return this.memory.has(name) || this.underWay.has(name);
  }

  get filesUnderWay(): number {
    return this.underWay.size;
  }

  get bytesUnderWay(): number {
    return this.rawBytesUnderWay;
  }

  describe(): Record<string, string | number> {
    return {
      shipped: this.shippedCount,
      failed: this.failedCount,
      underWay: this.underWay.size,
      cooling: this.options.pool.coolingHosts().join(',') || 'none',
    };
  }

  stop(): void {
    this.options.pool.stop();
  }

  /** Ends the sessions and waits until what was learned of the hosts is written. */
  async close(): Promise<void> {
    this.stop();
    await this.options.saved();
  }

  private async shipNew(path: string, file: ArchiveFile, identity: SourceIdentity, askFirst: boolean): Promise<void> {
    const { pool, minCopies, preferredWaitMs, buffers, clock, log } = this.options;
    const { watcher } = this;
    const startedMs = clock.monotonicMs();
    const source = await this.inOrder(() => SourceFile.open(path, file));
    const body = new EncodedBody(source, buffers);
    try {
      body.prepare();
      const header = putHeader(source, file);
      const asked = askFirst ? { ...header, digest: await body.rawDigest() } : header;
      await shipFile({ pool, minCopies, preferredWaitMs, watcher, clock, log }, asked, body);
      // What was sent is the file that was opened; if that is no longer what was looked at, nothing is remembered.
      if (sameSource(source.identity, identity)) this.memory.remember(file.name, identity);
      this.shippedCount += 1;
      const tookMs = clock.monotonicMs() - startedMs;
      watcher.shipped(Number(identity.sizeBytes), tookMs);
      log.debug('shipped', { name: file.name, ms: Math.round(tookMs) });
    } catch (error) {
      this.failedCount += 1;
      watcher.failed();
      throw error;
    } finally {
      await body.settled();
      body.drop();
      await source.close();
    }
  }

  /** Files are opened, and so announced to the host, in the order in which they were asked for: it publishes them in that order. */
  private async inOrder<T>(open: () => Promise<T>): Promise<T> {
    const opening = this.opening.then(open);
    this.opening = opening.then(
      () => undefined,
      () => undefined,
    );
    return await opening;
  }
}

function putHeader(source: SourceFile, file: ArchiveFile): PutHeader {
  return {
    name: file.name,
    modifiedMs: Math.max(0, source.modifiedMs),
    forwarded: false,
    ...(source.systemIdentifier === undefined ? {} : { systemIdentifier: source.systemIdentifier }),
  };
}
