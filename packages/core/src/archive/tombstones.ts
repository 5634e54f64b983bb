import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { createFileDurably, replaceFileDurably } from '../files/atomic-file.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { type ArchiveFileName, isArchiveFileName } from '../wal/archive-file.ts';
import type { ClusterDirectory } from './cluster-directory.ts';

/** A batch of names, as one file: small enough that writing it again for one name costs nothing. */
export const tombstoneBatchNames = 1000;

const batchPattern = /^[0-9]{15}-[0-9a-f]{8}\.json$/;

/**
 * The names that a cleanup has removed from this host, or is about to: `state/tombstones/<time>-<random>.json`, each a batch of at
 * most 1000 names. A name is written here, durably, before it is unlinked.
 *
 * A tombstone says: "this host lacks the name on purpose, do not send it to make the hosts equal". It says nothing about a name
 * that is there, and it never refuses anything: a put of such a name is stored like any other, because whoever puts it has WAL
 * that is acknowledged only when it is stored. It is dropped when the peer lacks the name too, for then nobody would send it.
 */
export class Tombstones {
  private readonly cluster: ClusterDirectory;

  constructor(cluster: ClusterDirectory) {
    this.cluster = cluster;
  }

  /** Durable on return. At most `tombstoneBatchNames` names. */
  async bury(names: readonly ArchiveFileName[], nowMs: number): Promise<void> {
    if (names.length === 0) return;
    if (names.length > tombstoneBatchNames) throw new Error(`${names.length} names in one batch of tombstones`);
    const directory = await this.ensureDirectory();
    const made = String(Math.max(0, Math.trunc(nowMs))).padStart(15, '0');
    const path = join(directory, `${made}-${randomBytes(4).toString('hex')}.json`);
    if (!(await createFileDurably(path, formatBatch(names), nowMs))) throw new Error(`${path} is there already`);
  }

  /**
   * All names under a tombstone. Those of `present` are left out: a tombstone does not speak of a name that is there. Throws
   * Failure `damaged` for a batch that cannot be understood.
   */
  async names(present: Pick<ReadonlySet<ArchiveFileName>, 'has'> = new Set()): Promise<Set<ArchiveFileName>> {
    const names = new Set<ArchiveFileName>();
    for (const batch of await this.batches()) {
      for (const name of (await this.read(batch)) ?? []) if (!present.has(name)) names.add(name);
    }
    return names;
  }

  /** Drops the tombstones of names for which `isUseless`; returns how many. Batches without names are removed. */
  async drop(isUseless: (name: ArchiveFileName) => boolean, nowMs: number): Promise<number> {
    let dropped = 0;
    for (const batch of await this.batches()) {
      const names = await this.read(batch);
      if (names === undefined) continue;
      const left = names.filter((name) => !isUseless(name));
      const path = join(this.cluster.tombstonesDirectory, batch);
      if (left.length === 0) await unlink(path).catch(ignoreAbsent);
      else if (left.length < names.length) await replaceFileDurably(path, formatBatch(left), nowMs);
      dropped += names.length - left.length;
    }
    return dropped;
  }

  private async batches(): Promise<string[]> {
    try {
      return (await readdir(this.cluster.tombstonesDirectory)).filter((name) => batchPattern.test(name)).sort();
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  /** Undefined when the batch was dropped since it was listed. */
  private async read(batch: string): Promise<ArchiveFileName[] | undefined> {
    const path = join(this.cluster.tombstonesDirectory, batch);
    try {
      return parseBatch(await readFile(path, 'utf8'), path);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  private async ensureDirectory(): Promise<string> {
    const { stateDirectory, tombstonesDirectory } = this.cluster;
    const made = await mkdir(tombstonesDirectory, { recursive: true, mode: 0o700 });
    if (made !== undefined) {
      await syncDirectory(stateDirectory);
      await syncDirectory(this.cluster.path);
    }
    return tombstonesDirectory;
  }
}

function formatBatch(names: readonly ArchiveFileName[]): string {
  return `${JSON.stringify({ format: 1, names })}\n`;
}

function parseBatch(text: string, path: string): ArchiveFileName[] {
  const damaged = (cause?: unknown) =>
    new Failure('damaged', `${path} cannot be read as a batch of tombstones`, {
      cause,
      hint: 'Remove the file: the worst that follows is that files which were cleaned up come back from the peer.',
    });
  let json: { format?: unknown; names?: unknown };
  try {
    json = JSON.parse(text) as typeof json;
  } catch (error) {
    throw damaged(error);
  }
  const { format, names } = json ?? {};
  if (format !== 1 || !Array.isArray(names)) throw damaged();
  if (!names.every((name): name is ArchiveFileName => typeof name === 'string' && isArchiveFileName(name))) {
    throw damaged();
  }
  return names;
}

function ignoreAbsent(error: unknown): void {
  if (systemErrorCode(error) !== 'ENOENT') throw error;
}
