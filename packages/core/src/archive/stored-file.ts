import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { Activity } from '../base/activity.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { type DecodeOptions, decodeStored, type StoredSummary } from '../codec/stored-decoder.ts';
import { type ArchiveFile } from '../wal/archive-file.ts';
import { expectedRawSize, type RawSizeRange } from '../wal/file-size.ts';
import { pageHeaderBytes, parsePageHeader } from '../wal/page-header.ts';
import { checkSegmentHeader } from '../wal/segment-header-check.ts';
import { largestSegmentSize, type SegmentSize } from '../wal/segment-size.ts';
import { type ReadAheadOptions, readAhead } from './read-ahead.ts';

const readBytes = 512 * 1024;

/** A file of the archive, open for reading: never through a link, and never anything but a plain file. */
export class StoredFile {
  readonly path: string;
  readonly modifiedMs: number;
  readonly sizeBytes: number;
  private readonly handle: FileHandle;
  private readonly activity: Activity;

  private constructor(path: string, handle: FileHandle, activity: Activity, sizeBytes: number, modifiedMs: number) {
    this.path = path;
    this.handle = handle;
    this.activity = activity;
    this.sizeBytes = sizeBytes;
    this.modifiedMs = modifiedMs;
  }

  /** Opens the file; undefined when nothing has the name. Each piece read is noted as activity. */
  static async open(path: string, activity: Activity): Promise<StoredFile | undefined> {
    let handle: FileHandle;
    try {
      handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      if (systemErrorCode(error) === 'ELOOP') throw notPlain(path, 'a symbolic link');
      throw error;
    }
    const stats = await handle.stat();
    if (!stats.isFile()) {
      await handle.close();
      throw notPlain(path, 'not a plain file');
    }
    return new StoredFile(path, handle, activity, stats.size, Math.trunc(stats.mtimeMs));
  }

  /** The stored bytes, in pieces of at most 512 KiB; with `reused`, each lies in it until the next one is asked for. */
  async *chunks(reused?: Buffer): AsyncGenerator<Buffer> {
    let position = 0;
    for (;;) {
      const buffer = reused ?? Buffer.allocUnsafe(readBytes);
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      this.activity.note();
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** The stored bytes, for one who works on each piece for a while: see readAhead. */
  async *chunksAhead(options: ReadAheadOptions): AsyncGenerator<Buffer> {
    for await (const piece of readAhead(this.handle, options)) {
      this.activity.note();
      yield piece;
    }
  }

  async sync(): Promise<void> {
    await this.handle.sync();
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

function notPlain(path: string, what: string): Failure {
  return new Failure('disk_error', `${path} is ${what}`, {
    hint: 'Something other than Archive 2 made it; look at it and move it away.',
  });
}

/** The raw sizes a file may have, in an archive that may not know its segment size yet. */
export function rawSizeRange(file: ArchiveFile, segmentSize: SegmentSize | undefined): RawSizeRange {
  if (segmentSize !== undefined) return expectedRawSize(file, segmentSize);
  return { minRawSizeBytes: 1, maxRawSizeBytes: expectedRawSize(file, largestSegmentSize).maxRawSizeBytes };
}

/**
 * Reads a stored file to its end and computes the digest of its raw content; a label in the file is checked, never
 * believed. Throws Failure `damaged` when it does not decode, is not of the size that its kind must have, or begins with another page.
 */
export async function digestStored(
  stored: StoredFile,
  file: ArchiveFile,
  segmentSize: SegmentSize | undefined,
  options: DecodeOptions = {},
): Promise<StoredSummary> {
  return await digestChunks(stored.chunks(Buffer.allocUnsafe(readBytes)), file, segmentSize, options);
}

/** As `digestStored`, for stored bytes that come from elsewhere; they are taken to their end, or to the first damage. */
export async function digestChunks(
  chunks: AsyncIterable<Buffer>,
  file: ArchiveFile,
  segmentSize: SegmentSize | undefined,
  options: DecodeOptions = {},
): Promise<StoredSummary> {
  const decoder = decodeStored(chunks, rawSizeRange(file, segmentSize), { ...options, pieces: 'passing' });
  let head = Buffer.alloc(0);
  let isChecked = false;
  for (;;) {
    const step = await decoder.next();
    if (!isChecked) {
      if (!step.done) head = Buffer.concat([head, step.value.subarray(0, pageHeaderBytes)]);
      isChecked = step.done === true || head.length >= pageHeaderBytes;
      if (isChecked) checkFirstPage(file, head);
    }
    if (step.done) return step.value;
  }
}

/** Right-sized zeros, or another segment under this name, decode well and are damage all the same. */
function checkFirstPage(file: ArchiveFile, piece: Buffer): void {
  if (file.kind !== 'segment' && file.kind !== 'partial') return;
  try {
    checkSegmentHeader(parsePageHeader(piece.subarray(0, pageHeaderBytes)), file);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('damaged', `${file.name} does not hold its segment: ${reason}`, { cause: error });
  }
}
