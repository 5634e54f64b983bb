import { writeSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';

/** What a file holds that is being written, at its end, and read at the same time. */
export interface FileContent {
  readonly sizeBytes: number;
  /** Appends the whole chunk. Calls must not overlap; the chunk is the caller's again on return. */
  append(chunk: Buffer): Promise<void>;
  /** What was appended, from `position` on; empty where there is nothing yet. It stays as it is until `close`. Safe beside `append`. */
  read(position: number, maxBytes: number): Promise<Buffer>;
  /** The file system has all of it on return; none of it needs to be durable. */
  finish(): Promise<void>;
  /** Ends the use of the file, which the caller closes. */
  close(): Promise<void>;
}

/** Content that is written as it comes, through the page cache. */
export class PlainContent implements FileContent {
  protected readonly handle: FileHandle;
  protected writtenBytes = 0;

  constructor(handle: FileHandle) {
    this.handle = handle;
  }

  get sizeBytes(): number {
    return this.writtenBytes;
  }

  async append(chunk: Buffer): Promise<void> {
    await writeWhole(this.handle, chunk, this.writtenBytes);
    this.writtenBytes += chunk.length;
  }

  async read(position: number, maxBytes: number): Promise<Buffer> {
    return await readWhole(this.handle, position, Math.min(maxBytes, this.writtenBytes - position));
  }

  async finish(): Promise<void> {}

  async close(): Promise<void> {}
}

/**
 * A kernel with large folios takes memory for the page cache in blocks as large as a write. Small blocks come from what was in use just
 * now; large ones are given back by a virtual machine first, and are then paid for page by page (docs/decisions.md, 133).
 */
const mostInOneWrite = 32 * 1024;

/** As PlainContent, without another thread: for pieces that lie in the processor's cache, and a thread that has nothing else to do. */
export class BlockingContent extends PlainContent {
  override async append(chunk: Buffer): Promise<void> {
    for (let offset = 0; offset < chunk.length; ) {
      const sizeBytes = Math.min(chunk.length - offset, mostInOneWrite);
      const written = writeSync(this.handle.fd, chunk, offset, sizeBytes, this.writtenBytes);
      offset += written;
      this.writtenBytes += written;
    }
  }
}

/** Writes all of it at `position`, however short the kernel's writes are. */
export async function writeWhole(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let offset = 0;
  while (offset < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, offset, bytes.length - offset, position + offset);
    offset += bytesWritten;
  }
}

/** Reads so many bytes that are known to be there; none for less than one. Throws an Error when the file ends before. */
export async function readWhole(handle: FileHandle, position: number, sizeBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(sizeBytes, 0));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, position + filled);
    if (bytesRead === 0) throw new Error(`the file ended at byte ${position + filled}, but more was written`);
    filled += bytesRead;
  }
  return buffer;
}
