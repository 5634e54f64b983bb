import { constants } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import type { Activity } from '../base/activity.ts';
import type { Clock } from '../base/clock.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { SharedDirectorySync } from '../files/directory-sync.ts';
import { type EventSink, noEvents } from '../files/event-log.ts';
import { canListEntries } from '../files/listing-door.ts';
import type { ArchiveFile, ArchiveFileName } from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { formatSystemIdentifier } from '../wal/system-identifier.ts';
import type { ClusterDirectory } from './cluster-directory.ts';
import { type ClusterRecord, checkSameCluster, createClusterRecord, readClusterRecord } from './identity.ts';
import { listArchiveNames, NewestSegments } from './newest-segments.ts';
import { Quarantine } from './quarantine.ts';
import { readOrMakeStoreId } from './store-id.ts';
import { digestStored, StoredFile } from './stored-file.ts';

export interface WalStoreOptions {
  cluster: string;
  /** How many segments a new name may be ahead of the newest one of its timeline. */
  maxAhead: number;
  clock: Clock;
  log: Log;
  /** Where conflicts and repairs are told; default nowhere. */
  events?: EventSink;
  /** Noted for every piece read, so that a long comparison is seen to move. */
  activity: Activity;
}

/** What the archive has under a name that somebody asks about by digest. */
export type DigestAnswer = 'same' | 'absent' | 'differs' | 'damaged';

/**
 * The archive files of one cluster on this host.
 *
 * A name is written once and its content never changes; a reader sees nothing or the complete file. New files come in
 * through IncomingFile. Several processes may work on one directory at the same time.
 */
export class WalStore {
  readonly directory: ClusterDirectory;
  readonly quarantine: Quarantine;
  readonly options: WalStoreOptions;
  private readonly namesSync: SharedDirectorySync;
  private id: Promise<string> | undefined;
  private record: ClusterRecord | undefined;
  private newest: Promise<NewestSegments> | undefined;

  private constructor(directory: ClusterDirectory, options: WalStoreOptions, record: ClusterRecord | undefined) {
    this.directory = directory;
    this.options = options;
    this.record = record;
    this.quarantine = new Quarantine(directory);
    this.namesSync = new SharedDirectorySync(directory.walDirectory);
  }

  /**
   * Opens a cluster's archive. Throws Failure `not_initialized` when the WAL directory is not there (an unmounted disk, a
   * wrong path), and `wrong_cluster` when it is that of a cluster with another name. Makes nothing.
   */
  static async open(directory: ClusterDirectory, options: WalStoreOptions): Promise<WalStore> {
    await checkWalDirectory(directory);
    const record = await readClusterRecord(directory);
    if (record !== undefined) checkClusterNames(directory, record, options.cluster);
    return new WalStore(directory, options, record);
  }

  get events(): EventSink {
    return this.options.events ?? noEvents;
  }

  /** The identity of the cluster; undefined until the first segment came. */
  get identity(): ClusterRecord | undefined {
    return this.record;
  }

  /** See readOrMakeStoreId; an archive has one before it has an identity. */
  storeId(): Promise<string> {
    this.id ??= readOrMakeStoreId(this.directory, this.options.clock.nowMs());
    return this.id;
  }

  /** Throws Failure `wrong_cluster` when both sides know their system identifier (decimal) and they differ. */
  checkSystemIdentifier(claimed: string | undefined, whose: string): void {
    const kept = this.record?.systemIdentifier;
    if (claimed === undefined || kept === undefined || claimed === formatSystemIdentifier(kept)) return;
    throw new Failure('wrong_cluster', `${whose} is of cluster ${claimed}, the archive of cluster ${kept}`, {
      hint: 'A new cluster (initdb, pg_upgrade) needs a cluster directory of its own on both archive hosts.',
    });
  }

  /** Makes the directory this cluster's if it is nobody's yet, durably. Throws Failure `wrong_cluster` if it is another's. */
  async claim(identity: ClusterIdentity, whose: string): Promise<ClusterRecord> {
    const { cluster, clock } = this.options;
    const isFirst = this.record === undefined;
    this.record ??= await createClusterRecord(this.directory, cluster, identity, clock.nowMs());
    checkSameCluster(this.record, identity, whose);
    // Somebody else may have been faster to make it, for a cluster of another name.
    checkClusterNames(this.directory, this.record, cluster);
    if (isFirst)
      this.events.note({ event: 'identity-made', systemIdentifier: String(identity.systemIdentifier), whose });
    return this.record;
  }

  /** Throws Failure `not_initialized` when the WAL directory is no longer there. */
  checkDirectory(): Promise<void> {
    return checkWalDirectory(this.directory);
  }

  /** Whether anything has the name, whole or damaged. */
  async has(name: ArchiveFileName): Promise<boolean> {
    try {
      await stat(this.directory.walFile(name));
      return true;
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  /** Opens a stored file for reading; undefined when the archive does not have the name. */
  openStored(name: ArchiveFileName): Promise<StoredFile | undefined> {
    return StoredFile.open(this.directory.walFile(name), this.options.activity);
  }

  /**
   * Compares what is stored under a name with a digest of raw content, by reading it. After `same` the file and its name
   * are durable: an earlier writer may have died between its link and its fsync.
   */
  async compareDigest(file: ArchiveFile, rawDigest: string): Promise<DigestAnswer> {
    const stored = await this.openStored(file.name);
    if (stored === undefined) return 'absent';
    try {
      const { rawDigest: storedDigest } = await digestStored(stored, file, this.record?.segmentSize);
      if (storedDigest !== rawDigest) return 'differs';
      await stored.sync();
      await this.syncNames();
      return 'same';
    } catch (error) {
      if (error instanceof Failure && error.code === 'damaged') return 'damaged';
      throw error;
    } finally {
      await stored.close();
    }
  }

  /** Makes all names that were published before the call durable. */
  syncNames(): Promise<void> {
    return this.namesSync.sync();
  }

  /** Throws Failure `too_far_ahead` for a name that cannot be next for a long time. */
  async checkNotTooFarAhead(file: ArchiveFile): Promise<void> {
    (await this.newestSegments())?.checkNotTooFar(file, this.options.maxAhead);
  }

  async notePublished(file: ArchiveFile): Promise<void> {
    (await this.newestSegments())?.note(file);
  }

  /**
   * Throws the Failure that explains why this archive may not say that it does not have a file: it may only if its identity can
   * be read and its directory be listed.
   */
  async checkMaySayNo(): Promise<void> {
    // Side by side: a standby waits for this with each segment that is not there yet.
    const [record] = await Promise.all([readClusterRecord(this.directory), checkListing(this.directory)]);
    if (record !== undefined) return;
    throw new Failure('not_initialized', `${this.directory.path} has no cluster.json, so it cannot say what it lacks`, {
      hint: 'Check that the disk is mounted and the path is right; a new archive gets its identity with its first segment.',
    });
  }

  /** All names of an archive that may say what it does not have. Throws as `checkMaySayNo`. */
  async namesIfMaySayNo(): Promise<ArchiveFileName[]> {
    await this.checkMaySayNo();
    return await listArchiveNames(this.directory.walDirectory);
  }

  private async newestSegments(): Promise<NewestSegments | undefined> {
    const segmentSize = this.record?.segmentSize;
    if (segmentSize === undefined) return undefined;
    this.newest ??= listArchiveNames(this.directory.walDirectory).then(
      (names) => new NewestSegments(names, segmentSize),
    );
    return await this.newest;
  }
}

/** Throws Failure `not_initialized` when the WAL directory is not there: an unmounted disk, a wrong path. */
export async function checkWalDirectory(directory: ClusterDirectory): Promise<void> {
  if ((await unlessMissing(directory, stat(directory.walDirectory))).isDirectory()) return;
  throw withoutWalDirectory(directory);
}

/** Throws as checkWalDirectory, and when the directory cannot be listed. */
async function checkListing(directory: ClusterDirectory): Promise<void> {
  const { walDirectory } = directory;
  const handle = await unlessMissing(directory, open(walDirectory, constants.O_RDONLY | constants.O_DIRECTORY));
  try {
    if (canListEntries(handle.fd)) return;
  } finally {
    await handle.close();
  }
  throw new Failure('disk_error', `${walDirectory} cannot be listed`, {
    hint: "Look at the archive host's kernel log, mounts and permissions.",
  });
}

async function unlessMissing<T>(directory: ClusterDirectory, looking: Promise<T>): Promise<T> {
  try {
    return await looking;
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT' && systemErrorCode(error) !== 'ENOTDIR') throw error;
    throw withoutWalDirectory(directory);
  }
}

function withoutWalDirectory({ walDirectory, path }: ClusterDirectory): Failure {
  return new Failure('not_initialized', `there is no WAL directory ${walDirectory}`, {
    hint: `Is the disk mounted? For a new archive run "archive_remote_cmd init --dir ${path} --cluster NAME".`,
  });
}

/** Throws Failure `wrong_cluster` for a directory that is not the named cluster's. */
export function checkClusterNames(directory: ClusterDirectory, record: ClusterRecord, cluster: string): void {
  if (record.cluster === cluster) return;
  throw new Failure('wrong_cluster', `${directory.path} belongs to cluster ${record.cluster}, not ${cluster}`, {
    hint: 'Check CLUSTER and the directory in archive_command, and --dir and --cluster of the forced command.',
  });
}
