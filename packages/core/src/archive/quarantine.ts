import { createHash } from 'node:crypto';
import { mkdir, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { linkUnlessTaken } from '../files/link.ts';
import type { ArchiveFileName } from '../wal/archive-file.ts';
import type { ClusterDirectory } from './cluster-directory.ts';
import type { StoredFile } from './stored-file.ts';

/** More than a person will look at; a bound, so that a broken primary cannot fill the disk with refused files. */
const maxFiles = 64;

/**
 * Where contents go that may not have the name they came under: `<NAME>.<first 16 hex digits of the raw digest>`.
 *
 * Each content is kept once. Nothing is ever evicted: when it is full, newcomers are refused without being kept.
 */
export class Quarantine {
  private readonly cluster: ClusterDirectory;

  constructor(cluster: ClusterDirectory) {
    this.cluster = cluster;
  }

  path(name: ArchiveFileName, rawDigest: string): string {
    return join(this.cluster.quarantineDirectory, `${name}.${rawDigest.slice(0, 16)}`);
  }

  async holds(name: ArchiveFileName, rawDigest: string): Promise<boolean> {
    try {
      await stat(this.path(name, rawDigest));
      return true;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Throws Failure `quarantine_full` when there is no room for another file. */
  async checkRoom(): Promise<void> {
    const files = await this.files();
    if (files.length < maxFiles) return;
    throw new Failure(
      'quarantine_full',
      `the quarantine ${this.cluster.quarantineDirectory} holds ${files.length} files`,
      {
        hint: 'Settle the conflicts in it on the archive host, then remove the files that are not wanted.',
      },
    );
  }

  /**
   * Keeps a content, durably; `linkTo` gives the durable source file a second name, and says false when that is taken
   * (the same content came before). Returns the path in the quarantine.
   */
  async keep(name: ArchiveFileName, rawDigest: string, linkTo: (path: string) => Promise<boolean>): Promise<string> {
    await mkdir(this.cluster.quarantineDirectory, { recursive: true, mode: 0o700 });
    const path = this.path(name, rawDigest);
    await linkTo(path);
    await syncDirectory(this.cluster.quarantineDirectory);
    await syncDirectory(this.cluster.path);
    return path;
  }

  /** Keeps a second name of a stored file that does not decode, before it is replaced. Returns its path. */
  async keepDamaged(name: ArchiveFileName, damaged: StoredFile): Promise<string> {
    const hash = createHash('sha256');
    for await (const chunk of damaged.chunks()) hash.update(chunk);
    return this.keep(name, `damaged-${hash.digest('hex')}`, (path) => linkUnlessTaken(damaged.path, path));
  }

  /** The names in the quarantine, sorted. */
  async files(): Promise<string[]> {
    try {
      return (await readdir(this.cluster.quarantineDirectory)).sort();
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }
}
