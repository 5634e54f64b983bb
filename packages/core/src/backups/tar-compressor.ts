import { type FileHandle, open } from 'node:fs/promises';
import { compressFrame } from '../codec/zstd-compress.ts';
import { WriteBehind } from './write-behind.ts';

/** In memory are four of these at most: two that are filled and compressed, and what comes of them. */
const pieceBytes = 4 * 2 ** 20;

/**
 * Writes a compressed copy of a tar, as zstd frames with checksums of 4 MiB of it each: `zstd -dc` reads them as one. One
 * piece is compressed while the next one is filled.
 */
export class TarCompressor {
  private readonly handle: FileHandle;
  private readonly behind: WriteBehind;
  private readonly buffers = [Buffer.allocUnsafe(pieceBytes), Buffer.allocUnsafe(pieceBytes)];
  private filled = 0;
  private writing: Promise<void> = Promise.resolve();

  private constructor(handle: FileHandle) {
    this.handle = handle;
    this.behind = new WriteBehind(handle);
  }

  /** Creates the file, which must not be there. */
  static async create(path: string): Promise<TarCompressor> {
    return new TarCompressor(await open(path, 'wx', 0o600));
  }

  /** Takes a copy of the bytes. */
  async write(bytes: Buffer): Promise<void> {
    let from = 0;
    while (from < bytes.length) {
      const copied = bytes.copy(this.buffer, this.filled, from);
      from += copied;
      this.filled += copied;
      if (this.filled === pieceBytes) await this.compress();
    }
  }

  /** Writes the rest; the file is durable on return, its name not yet. */
  async finish(): Promise<void> {
    if (this.filled > 0) await this.compress();
    await this.writing;
    await this.behind.finish();
    await this.handle.close();
  }

  /** Gives the file up; it stays where it is. */
  async abandon(): Promise<void> {
    await this.writing.catch(() => undefined);
    await this.behind.abandon();
    await this.handle.close();
  }

  private get buffer(): Buffer {
    return this.buffers[0] as Buffer;
  }

  private async compress(): Promise<void> {
    await this.writing;
    const piece = this.buffer.subarray(0, this.filled);
    this.buffers.reverse();
    this.filled = 0;
    this.writing = this.compressAndWrite(piece);
    // Its error is thrown by the next wait for it.
    this.writing.catch(() => undefined);
  }

  private async compressAndWrite(piece: Buffer): Promise<void> {
    for await (const part of compressFrame(piece.length, [piece])) {
      for (let at = 0; at < part.length; ) at += (await this.handle.write(part, at)).bytesWritten;
      this.behind.note(part.length);
    }
  }
}
