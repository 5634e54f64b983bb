import { readdir } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import { type ArchiveFileName } from '../wal/archive-file.ts';
import type { ClusterDirectory } from './cluster-directory.ts';
import { Debts } from './debts.ts';

/**
 * The debts of this host under every name that its peer ever had. There is one peer only: what it has, by whatever name it is
 * called, is owed no more.
 */
export class OwedFiles {
  private readonly cluster: ClusterDirectory;

  constructor(cluster: ClusterDirectory) {
    this.cluster = cluster;
  }

  async names(): Promise<Set<ArchiveFileName>> {
    const names = new Set<ArchiveFileName>();
    for (const debts of await this.all()) for (const { name } of await debts.list()) names.add(name);
    return names;
  }

  /** How many files are owed, and when the oldest of these debts was recorded, in milliseconds; undefined without any. */
  async summary(): Promise<{ count: number; oldestMs: number | undefined }> {
    const owed = new Set<ArchiveFileName>();
    let oldestMs: number | undefined;
    for (const debts of await this.all()) {
      for await (const { name, recordedMs } of debts.recorded()) {
        owed.add(name);
        oldestMs = Math.min(recordedMs, oldestMs ?? recordedMs);
      }
    }
    return { count: owed.size, oldestMs };
  }

  /** Drops what is owed of these files; returns how many of them were owed. */
  async settle(names: readonly ArchiveFileName[]): Promise<number> {
    const all = await this.all();
    const owed = await this.names();
    const settled = names.filter((name) => owed.has(name));
    for (const name of settled) for (const debts of all) await debts.settle(name);
    return settled.length;
  }

  private async all(): Promise<Debts[]> {
    try {
      const entries = await readdir(this.cluster.debtsRoot, { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => new Debts(this.cluster, entry.name));
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}
