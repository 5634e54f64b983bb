import { writeFile } from 'node:fs/promises';
import { Failure } from '../base/failure.ts';
import { Fingerprint } from '../codec/fingerprint.ts';
import { peekPrefixBytes, peekRaw } from '../codec/peek.ts';
import { toDiskFailure } from '../files/disk-error.ts';
import { PartFile } from '../files/part-file.ts';
import type { ArchiveFile, PartialFile, SegmentFile } from '../wal/archive-file.ts';
import type { ClusterIdentity } from '../wal/cluster-identity.ts';
import { pageHeaderBytes, parsePageHeader } from '../wal/page-header.ts';
import { checkSegmentHeader } from '../wal/segment-header-check.ts';
import { rawSizeRange } from './stored-file.ts';
import { resolveTakenName } from './taken-name.ts';
import type { WalStore } from './wal-store.ts';

/** What the sender says at the end about the bytes it sent. */
export interface BodySummary {
  /** Stored (compressed) bytes. */
  sizeBytes: number;
  /** Of the stored bytes. */
  fingerprint: string;
}

export type StoreOutcome = 'new' | 'same';

/** Compression never makes a segment larger than this beside its raw size. */
const maxOverheadBytes = 1024 * 1024;

/**
 * One file on its way into the archive: append the body's pieces, then `complete`, then `publish`; `discard` in any case
 * at the end. The body is checked while it comes, so that a file of another cluster is refused after its first page.
 */
export class IncomingFile {
  readonly file: ArchiveFile;
  readonly part: PartFile;
  private readonly store: WalStore;
  private readonly fingerprint = new Fingerprint();
  private readonly maxSizeBytes: number;
  private readonly modifiedMs: number;
  private prefix: Buffer | undefined = Buffer.alloc(0);
  private headerIdentity: ClusterIdentity | undefined;
  private summary: BodySummary | undefined;

  private constructor(store: WalStore, file: ArchiveFile, part: PartFile, modifiedMs: number) {
    this.store = store;
    this.file = file;
    this.part = part;
    // A source clock in the future must not make the file look newer than anything that can follow.
    this.modifiedMs = Math.min(modifiedMs, store.options.clock.nowMs());
    this.maxSizeBytes = rawSizeRange(file, store.identity?.segmentSize).maxRawSizeBytes + maxOverheadBytes;
    if (!hasPageHeader(file)) this.prefix = undefined;
  }

  /** `modifiedMs` is the source file's modification time. Throws Failure when the name is refused or the disk fails. */
  static async begin(store: WalStore, file: ArchiveFile, modifiedMs: number): Promise<IncomingFile> {
    await store.checkNotTooFarAhead(file);
    // A disk that was unmounted since the session began is told from an error nobody foresaw.
    await store.checkDirectory();
    const part = await onDisk('creating a file', () =>
      PartFile.create(store.directory.walDirectory, file.name, { isDirect: true }),
    );
    return new IncomingFile(store, file, part, modifiedMs);
  }

  async append(piece: Buffer): Promise<void> {
    if (this.summary !== undefined) throw new Error('append after complete');
    if (this.part.sizeBytes + piece.length > this.maxSizeBytes) {
      throw new Failure('damaged', `${this.file.name}: the body is larger than ${this.maxSizeBytes} bytes`);
    }
    this.fingerprint.update(piece);
    if (this.prefix !== undefined && hasPageHeader(this.file)) this.peek(this.file, piece);
    await onDisk('writing', () => this.part.append(piece));
  }

  /** Checks the whole body against its summary. Throws Failure `damaged` when bytes were lost or changed on the way. */
  complete(summary: BodySummary): void {
    if (this.part.sizeBytes !== summary.sizeBytes || this.fingerprint.text() !== summary.fingerprint) {
      throw new Failure(
        'damaged',
        `${this.file.name}: ${this.part.sizeBytes} bytes arrived, and are not what was sent`,
        {
          hint: 'Nothing was stored; the file is sent again.',
        },
      );
    }
    if (this.prefix !== undefined) {
      throw new Failure('bad_page_header', `${this.file.name}: the body ends before its first page`);
    }
    if (summary.sizeBytes === 0) throw new Failure('damaged', `${this.file.name}: the body is empty`);
    this.summary = summary;
  }

  /** The identity that the segment's own header shows; undefined for files that have none. After `complete`. */
  get identity(): ClusterIdentity | undefined {
    return this.headerIdentity;
  }

  /** Makes the content durable. It may run beside that of other files; publishing has an order, this has none. */
  async makeDurable(): Promise<void> {
    await onDisk('fsyncing', () => this.part.sync(this.modifiedMs));
  }

  /**
   * Gives the content its name, durably. `same`: the archive had this very content already, and it is durable now.
   * Throws Failure `conflict` when it has other content under the name; that one is untouched, this one in quarantine.
   */
  async publish(): Promise<StoreOutcome> {
    if (this.summary === undefined) throw new Error('publish before complete');
    const { store, file, part } = this;
    if (this.headerIdentity !== undefined) await store.claim(this.headerIdentity, file.name);
    const publication = await onDisk('publishing', () => part.publish(file.name));
    if (publication === 'taken' && (await resolveTakenName(store, file, part)) === 'same') return 'same';
    await onDisk('fsyncing the directory', () => store.syncNames());
    await store.notePublished(file);
    if (file.kind === 'history' && publication === 'published') {
      store.events.note({ event: 'timeline-began', name: file.name, timeline: file.timeline });
    }
    await this.noteLast();
    return 'new';
  }

  /** Removes what is left and ends the writer's lock. After a publication only the lock is left. */
  async discard(): Promise<void> {
    this.part.wakeReaders();
    await this.part.discard();
    await this.part.close();
  }

  private peek(file: SegmentFile | PartialFile, piece: Buffer): void {
    const prefix = this.prefix?.length ? Buffer.concat([this.prefix, piece]) : piece;
    const page = peekRaw(prefix, pageHeaderBytes);
    if (page === undefined) {
      // The piece is its sender's again.
      this.prefix = prefix === piece ? Buffer.from(piece) : prefix;
      if (prefix.length < peekPrefixBytes) return;
      throw new Failure('bad_page_header', `${this.file.name}: no page header in its first ${peekPrefixBytes} bytes`);
    }
    this.headerIdentity = checkSegmentHeader(parsePageHeader(page), file, this.store.identity);
    this.prefix = undefined;
  }

  /** LASTLOG is for people and old scripts; nothing relies on it, so its failure is none of the file's. */
  private async noteLast(): Promise<void> {
    if (this.file.kind !== 'segment') return;
    try {
      await writeFile(this.store.directory.lastLogFile, `${this.file.name}\n`, { mode: 0o600 });
    } catch (error) {
      this.store.options.log.warning('LASTLOG not written', { error: String(error) });
    }
  }
}

function hasPageHeader(file: ArchiveFile): file is SegmentFile | PartialFile {
  return file.kind === 'segment' || file.kind === 'partial';
}

async function onDisk<T>(doing: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toDiskFailure(error, doing);
  }
}
