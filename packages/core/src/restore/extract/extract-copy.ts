import { existsSync } from 'node:fs';
import { backupDamaged } from '../../backups/backup-damage.ts';
import { neededSegments } from '../../backups/needed-segments.ts';
import { workBounded } from '../../base/bounded-work.ts';
import { readSystemIdentifier } from '../../postgres/system-identifier-file.ts';
import type { SegmentName } from '../../wal/archive-file.ts';
import { formatSystemIdentifier } from '../../wal/system-identifier.ts';
import { type StoredTar, storedTars } from './check-order.ts';
import type { ClaimedTarget } from './claim-target.ts';
import { takesDirectIo } from './direct-io.ts';
import { extractTar } from './extract-tar.ts';
import type { BackupCopy, ExtractedBackup, Extraction } from './extraction.ts';
import { toBackupDamage } from './extraction-failure.ts';
import { type FetchedManifest, fetchControlFile, fetchManifest } from './fetch-beside.ts';
import { FileWriter } from './file-writer.ts';
import { PageCheck } from './page-check.ts';
import { SyncQueue } from './sync-queue.ts';
import { formatTablespaceMap } from './tablespace-map.ts';
import { TargetTree } from './target-tree.ts';

/** Each has one stream from the host, a decompressor and up to 16 MiB of buffers. */
const tarsAtOnce = 3;

/** Files without which PostgreSQL does not start a backup, or not as one. */
const essentialFiles = ['PG_VERSION', 'backup_label', 'global/pg_control'];

/**
 * Extracts one copy of a backup into directories that are empty but for the markers; all of it is durable, and its owner's, on return.
 * Nothing is under way any more when it throws.
 */
export async function extractCopy(
  copy: BackupCopy,
  extraction: Extraction,
  claimed: ClaimedTarget,
): Promise<ExtractedBackup> {
  const giveUp = new AbortController();
  const run = new CopyRun(copy, extraction, claimed, AbortSignal.any([extraction.signal, giveUp.signal]));
  try {
    return await run.extract((error) => giveUp.abort(error));
  } catch (error) {
    // What a source says of an end that we asked for is not the reason.
    extraction.signal.throwIfAborted();
    throw error;
  } finally {
    giveUp.abort();
    await run.syncs.abandon();
  }
}

class CopyRun {
  readonly syncs: SyncQueue;
  private readonly copy: BackupCopy;
  private readonly extraction: Extraction;
  private readonly data: TargetTree;
  private readonly tablespaces: ReadonlyMap<string, TargetTree>;
  /** Those whose file systems take direct I/O. */
  private readonly direct = new Set<TargetTree>();
  private readonly signal: AbortSignal;
  private readonly wal = new Set<SegmentName>();
  private readonly progress;

  constructor(copy: BackupCopy, extraction: Extraction, claimed: ClaimedTarget, signal: AbortSignal) {
    this.copy = copy;
    this.extraction = extraction;
    this.signal = signal;
    this.syncs = new SyncQueue(signal);
    this.data = new TargetTree(claimed.data);
    this.tablespaces = new Map([...claimed.tablespaces].map(([oid, root]) => [oid, new TargetTree(root)]));
    const totalStoredBytes = storedTars(copy.backup).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    this.progress = { storedBytes: 0, totalStoredBytes, contentBytes: 0, fileCount: 0 };
  }

  async extract(onFailure: (error: unknown) => void): Promise<ExtractedBackup> {
    const { copy, signal } = this;
    const { owner, identity } = this.extraction;
    const fetched = await fetchManifest(copy, this.data.root, { owner, identity, signal });
    const pages = await this.pageCheck();
    const tars = storedTars(copy.backup);
    for (const tree of [this.data, ...this.tablespaces.values()]) {
      if (await takesDirectIo(tree.root)) this.direct.add(tree);
    }
    // base.tar has these directories, but pg_wal.tar may come first.
    for (const name of ['pg_wal', 'pg_wal/archive_status']) this.data.makeDirectory(name);
    await workBounded(tars, tarsAtOnce, async (tar) => {
      try {
        await this.extractTar(tar, fetched, pages);
      } catch (error) {
        onFailure(error);
        throw error;
      }
    });
    try {
      this.checkIsWhole(fetched);
    } catch (error) {
      throw toBackupDamage(error, copy, 'base.tar');
    }
    await this.placeTablespaces();
    await this.syncs.finish();
    for (const tree of [...this.tablespaces.values(), this.data]) await tree.finish(owner, signal);
    const { contentBytes, fileCount } = this.progress;
    const { host } = copy.source;
    return { host, fileCount, contentBytes, manifest: fetched?.manifest, pages: pages?.findings(), wasThere: false };
  }

  private async pageCheck(): Promise<PageCheck | undefined> {
    const { start } = this.copy.backup;
    if (!this.extraction.checkPageChecksums || start === undefined) return undefined;
    const control = await fetchControlFile(this.copy, this.signal);
    return control?.hasPageChecksums ? new PageCheck(start.lsn, control) : undefined;
  }

  private async extractTar(tar: StoredTar, fetched: FetchedManifest | undefined, pages: PageCheck | undefined) {
    const { copy, signal, data, progress, syncs } = this;
    const { tablespaces, identity, owner, onProgress } = this.extraction;
    const tree = this.tablespaces.get(tar.part) ?? data;
    const inWal = tar.part === 'pg_wal' ? 'pg_wal/' : '';
    const writer = new FileWriter({
      direct: this.direct.has(tree),
      owner,
      syncs,
      onContent: (path, offset, bytes) => {
        progress.contentBytes += bytes.length;
        pages?.take(path, offset, bytes);
      },
    });
    const extractor = await extractTar({
      copy,
      tar,
      signal,
      contents: {
        tree,
        treePrefix: inWal,
        manifestPrefix: tree === data ? inWal : `pg_tblspc/${tar.part}/`,
        writer,
        book: fetched?.book,
        tablespaces,
        identity,
        onFile: () => {
          progress.fileCount += 1;
        },
      },
      onStored: (bytes) => {
        progress.storedBytes += bytes;
        onProgress({ ...progress });
      },
    });
    for (const name of extractor.wal.segments) this.wal.add(name);
  }

  /** Throws `backup_damaged` unless everything came that has to. */
  private checkIsWhole(fetched: FetchedManifest | undefined): void {
    const { root } = this.data;
    fetched?.book.checkAllCame();
    const lacking = essentialFiles.find((name) => !existsSync(root.textWayTo(name)));
    if (lacking !== undefined) throw backupDamaged(`has no ${lacking}`);
    const { systemIdentifier, segmentSize } = this.extraction.identity;
    const found = readSystemIdentifier(root.textWayTo());
    const ours = formatSystemIdentifier(systemIdentifier);
    if (found !== ours) throw backupDamaged(`is of the cluster ${found}, not ${ours}`);
    // Where it brings no WAL at all, that comes from the archive.
    if (this.wal.size === 0) return;
    const needed = neededSegments(fetched?.manifest.walRanges ?? [], segmentSize);
    const missing = needed.find((name) => !this.wal.has(name));
    if (missing !== undefined) throw backupDamaged(`needs ${missing}, which is not in its pg_wal`);
  }

  /** The links that did not come, and the map by which the server makes them all again when its recovery begins. */
  private async placeTablespaces(): Promise<void> {
    const { tablespaces, owner } = this.extraction;
    if (tablespaces.size === 0) return;
    const { data, syncs } = this;
    data.makeDirectory('pg_tblspc');
    for (const [oid, path] of tablespaces) {
      const name = `pg_tblspc/${oid}`;
      if (!data.hasLink(name)) data.makeLink(name, path);
    }
    const writer = new FileWriter({ direct: false, owner, syncs, onContent: () => undefined });
    writer.begin('tablespace_map', data.wayToFile('tablespace_map'));
    writer.content(Buffer.from(formatTablespaceMap(tablespaces)));
    writer.end();
    await writer.finish();
  }
}
