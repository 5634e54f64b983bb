import { type BigIntStats, constants, lstatSync } from 'node:fs';
import { type FileHandle, open, stat } from 'node:fs/promises';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { checkSourceSize } from '@archive2/core/wal/file-size.ts';
import { pageHeaderBytes, parsePageHeader } from '@archive2/core/wal/page-header.ts';
import { checkSegmentHeader } from '@archive2/core/wal/segment-header-check.ts';

/** What tells a file from any other, and from itself after a change. Compared as a whole. */
export interface SourceIdentity {
  device: bigint;
  inode: bigint;
  sizeBytes: bigint;
  modifiedNs: bigint;
  changedNs: bigint;
}

export function sameSource(a: SourceIdentity, b: SourceIdentity): boolean {
  return (
    a.device === b.device &&
    a.inode === b.inode &&
    a.sizeBytes === b.sizeBytes &&
    a.modifiedNs === b.modifiedNs &&
    a.changedNs === b.changedNs
  );
}

/**
 * The identity of the file at a path; a link is no plain file. Synchronous (a few microseconds), so that whoever asks can act on
 * it before anything else happens. Throws Failure `bad_source` when there is no plain file.
 */
export function sourceIdentity(path: string): SourceIdentity {
  try {
    return identityOfStats(lstatSync(path, { bigint: true }), path);
  } catch (error) {
    throw error instanceof Failure ? error : cannotOpen(path, error);
  }
}

/** A file that PostgreSQL wants archived, open and checked: its size and page header fit its name. */
export class SourceFile {
  readonly path: string;
  readonly file: ArchiveFile;
  readonly identity: SourceIdentity;
  /** Decimal; undefined for files without a page header. */
  readonly systemIdentifier: string | undefined;
  private readonly handle: FileHandle;

  private constructor(
    path: string,
    file: ArchiveFile,
    handle: FileHandle,
    identity: SourceIdentity,
    systemIdentifier: string | undefined,
  ) {
    this.path = path;
    this.file = file;
    this.handle = handle;
    this.identity = identity;
    this.systemIdentifier = systemIdentifier;
  }

  /** Throws Failure `bad_source`, `bad_page_header` or `wrong_cluster` for a file that must not be archived under its name. */
  static async open(path: string, file: ArchiveFile): Promise<SourceFile> {
    const handle = await openSource(path);
    try {
      const identity = await identityOf(handle, path);
      const systemIdentifier = await checkContent(handle, path, file, Number(identity.sizeBytes));
      return new SourceFile(path, file, handle, identity, systemIdentifier);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get sizeBytes(): number {
    return Number(this.identity.sizeBytes);
  }

  get modifiedMs(): number {
    return Number(this.identity.modifiedNs / 1_000_000n);
  }

  /**
   * `sizeBytes` of the content from `position` on, or what there is up to the end of the file, in parts that are good until the next one
   * is asked for: each comes in a half of `buffer`, and the next one is read into the other half meanwhile. Throws Failure
   * `source_changed` when the file is shorter than it was.
   */
  async *read(position: number, sizeBytes: number, buffer: Buffer): AsyncGenerator<Buffer> {
    const half = Math.ceil(buffer.length / 2);
    const end = Math.min(position + sizeBytes, this.sizeBytes);
    const readFrom = (at: number, into: number) => {
      const reading = this.fill(buffer.subarray(into, into + Math.min(half, end - at)), at);
      // Whoever waits for it hears of its failure.
      reading.catch(() => undefined);
      return reading;
    };
    let reading = readFrom(position, 0);
    try {
      for (let at = position, into = half; at < end; into = half - into) {
        const part = await reading;
        at += part.length;
        if (at < end) reading = readFrom(at, into);
        yield part;
      }
    } finally {
      // The buffer is somebody else's next, and the file is closed.
      await reading.catch(() => undefined);
    }
  }

  /** Throws Failure `source_changed` unless the file, and what its path leads to, are what they were at the opening. */
  async checkUnchanged(): Promise<void> {
    if (!sameSource(await identityOf(this.handle, this.path), this.identity)) throw changed(this.path);
    const named = await stat(this.path, { bigint: true });
    if (named.ino !== this.identity.inode || named.dev !== this.identity.device) throw changed(this.path);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  private async fill(part: Buffer, position: number): Promise<Buffer> {
    let filled = 0;
    while (filled < part.length) {
      const { bytesRead } = await this.handle.read(part, filled, part.length - filled, position + filled);
      if (bytesRead === 0) throw changed(this.path);
      filled += bytesRead;
    }
    return part;
  }
}

async function openSource(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK a fifo under the name would hold the call for ever.
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function cannotOpen(path: string, error: unknown): Failure {
  const code = systemErrorCode(error);
  const what =
    code === 'ENOENT' ? 'is not there' : code === 'ELOOP' ? 'is a symbolic link' : `cannot be read (${code})`;
  return new Failure('bad_source', `${path} ${what}`, {
    cause: error,
    hint: 'Give the path as PostgreSQL does (%p), from the data directory.',
  });
}

async function identityOf(handle: FileHandle, path: string): Promise<SourceIdentity> {
  return identityOfStats(await handle.stat({ bigint: true }), path);
}

function identityOfStats(stats: BigIntStats, path: string): SourceIdentity {
  if (!stats.isFile()) throw new Failure('bad_source', `${path} is not a plain file`);
  return {
    device: stats.dev,
    inode: stats.ino,
    sizeBytes: stats.size,
    modifiedNs: stats.mtimeNs,
    changedNs: stats.ctimeNs,
  };
}

/** Checks size and page header against the name; returns the system identifier that the header shows. */
async function checkContent(
  handle: FileHandle,
  path: string,
  file: ArchiveFile,
  sizeBytes: number,
): Promise<string | undefined> {
  if (file.kind !== 'segment' && file.kind !== 'partial') {
    if (sizeBytes === 0 || sizeBytes > 1024 * 1024) {
      throw new Failure('bad_source', `${path} has ${sizeBytes} bytes, which no ${file.kind} file has`);
    }
    return undefined;
  }
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(pageHeaderBytes), 0, pageHeaderBytes, 0);
  if (bytesRead < pageHeaderBytes) {
    throw new Failure('bad_source', `${path} has ${sizeBytes} bytes: it is not a whole segment`, {
      hint: 'The file is truncated: look at it before anything removes it.',
    });
  }
  const identity = checkSegmentHeader(parsePageHeader(buffer), file);
  checkSourceSize(file, identity.segmentSize, sizeBytes);
  return String(identity.systemIdentifier);
}

function changed(path: string): Failure {
  return new Failure('source_changed', `${path} changed while it was read`);
}
