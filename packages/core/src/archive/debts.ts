import { mkdir, open, readdir, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';
import { SharedDirectorySync, syncDirectory } from '../files/directory-sync.ts';
import { modificationTimes } from '../files/modification-times.ts';
import { compareArchivalOrder } from '../wal/archival-order.ts';
import {
  type ArchiveFile,
  type ArchiveFileName,
  isArchiveFileName,
  parseArchiveFileName,
} from '../wal/archive-file.ts';
import type { ClusterDirectory } from './cluster-directory.ts';

/**
 * The copies that this host still owes its peer: an empty file `debts/<peer name>/<NAME>` for each.
 *
 * A debt is durable when `record` returns. A debt that is there although the peer has the copy is harmless (it is
 * settled by digest); one that is missing is found by comparing the newest names.
 */
export class Debts {
  private readonly directory: string;
  private readonly parents: readonly string[];
  private readonly sharedSync: SharedDirectorySync;
  private parentsSync: Promise<void> | undefined;

  constructor(cluster: ClusterDirectory, peerName: string) {
    this.directory = cluster.debtsDirectory(peerName);
    this.parents = [join(this.directory, '..'), cluster.path];
    this.sharedSync = new SharedDirectorySync(this.directory);
  }

  /** Durable on return; recording a debt twice is the same as once. */
  async record(name: ArchiveFileName): Promise<void> {
    await this.ensureDirectory();
    const marker = await open(join(this.directory, name), 'a', 0o600);
    await marker.close();
    await this.sharedSync.sync();
  }

  /** Removes a debt; one that is not there is settled. Not durable: after a power cut it is settled again. */
  async settle(name: ArchiveFileName): Promise<void> {
    try {
      await unlink(join(this.directory, name));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }

  /** All debts in the order in which they are paid: history files first, then oldest first. Foreign names are left out. */
  async list(): Promise<ArchiveFile[]> {
    return (await this.names()).map(parseArchiveFileName).sort(compareArchivalOrder);
  }

  /** How many `list` would give. */
  async count(): Promise<number> {
    return (await this.names()).length;
  }

  /** The debts with the time at which each was recorded first, in no order. One that is settled meanwhile is left out. */
  async *recorded(): AsyncGenerator<{ name: ArchiveFileName; recordedMs: number }> {
    const names = await this.names();
    for await (const { name, modifiedMs } of modificationTimes(this.directory, names))
      yield { name, recordedMs: modifiedMs };
  }

  private async names(): Promise<ArchiveFileName[]> {
    try {
      return (await readdir(this.directory)).filter(isArchiveFileName);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** The parents are fsynced also when it is there: whoever made it a moment ago may not have come to that yet. */
  private async ensureDirectory(): Promise<void> {
    const made = await mkdir(this.directory, { recursive: true, mode: 0o700 });
    if (made !== undefined) this.parentsSync = undefined;
    this.parentsSync ??= this.syncParents();
    try {
      await this.parentsSync;
    } catch (error) {
      this.parentsSync = undefined;
      throw error;
    }
  }

  private async syncParents(): Promise<void> {
    for (const parent of this.parents) await syncDirectory(parent);
  }
}
