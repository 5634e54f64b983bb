import { type FileHandle, open } from 'node:fs/promises';
import { systemErrorCode } from '../base/failure.ts';
import { beforeAllocating } from '../codec/garbage.ts';
import { blockBytes, blocksTaken, type ContentBlock, giveBlock, takeBlock } from './content-blocks.ts';
import { setDirect } from './direct-door.ts';
import { type FileContent, readWhole, writeWhole } from './file-content.ts';

/** Direct I/O writes whole blocks of any disk. */
const diskBlockBytes = 4096;
/** Of all files. Beyond that readers get copies, and what is written is read back from the disk: one that is slow, or gone, costs no memory. */
const mostBlocksInMemory = 24;

/**
 * Content that is gathered in blocks and written past the page cache, where the file system allows it; the rest of less than a block of the
 * disk goes through it. Copying into the cache, and the kernel's work to empty it, cost an archive host more than all else that it does
 * with a segment, and nobody reads the file soon: whoever has it sent on meanwhile reads these blocks.
 */
export class DirectContent implements FileContent {
  private readonly handle: FileHandle;
  /** In the order of the file; the last one may have room. */
  private readonly blocks: ContentBlock[] = [];
  private givenBytes = 0;
  private writing: Promise<void> = Promise.resolve();
  private isDirect: boolean | undefined;
  private reader: Promise<FileHandle> | undefined;

  constructor(handle: FileHandle) {
    this.handle = handle;
  }

  get sizeBytes(): number {
    return this.givenBytes;
  }

  /** Waits for the disk only where a block is full and the one before is still being written; then throws that one's error. */
  async append(chunk: Buffer): Promise<void> {
    for (let offset = 0; offset < chunk.length; ) {
      const block = this.blockWithRoom();
      const copied = chunk.copy(block.bytes, block.usedBytes, offset);
      block.usedBytes += copied;
      this.givenBytes += copied;
      offset += copied;
      if (block.usedBytes === blockBytes) await this.beginWriting(block);
    }
  }

  async read(position: number, maxBytes: number): Promise<Buffer> {
    const block = this.blocks.find(({ start, usedBytes }) => start <= position && position < start + usedBytes);
    if (block !== undefined) return this.lend(block, position - block.start, maxBytes);
    const sizeBytes = Math.min(maxBytes, this.givenBytes - position);
    if (sizeBytes <= 0) return Buffer.alloc(0);
    const reader = await this.openReader();
    beforeAllocating(sizeBytes);
    return await readWhole(reader, position, sizeBytes);
  }

  async finish(): Promise<void> {
    await this.writing;
    const last = this.blocks.at(-1);
    if (last === undefined || last.isWritten) return;
    const wholeBytes = last.usedBytes - (last.usedBytes % diskBlockBytes);
    await this.write(last.bytes.subarray(0, wholeBytes), last.start);
    if (this.isDirect === true) setDirect(this.handle.fd, false);
    this.isDirect = false;
    await this.write(last.bytes.subarray(wholeBytes, last.usedBytes), last.start + wholeBytes);
    last.isWritten = true;
    this.dropWritten();
  }

  async close(): Promise<void> {
    await this.writing.catch(() => undefined);
    for (const block of this.blocks.splice(0)) giveBlock(block);
    const reader = await this.reader?.catch(() => undefined);
    await reader?.close();
  }

  private blockWithRoom(): ContentBlock {
    const last = this.blocks.at(-1);
    if (last !== undefined && last.usedBytes < blockBytes) return last;
    const block = takeBlock(this.givenBytes);
    this.blocks.push(block);
    return block;
  }

  /** One block is written while the next one is filled. */
  private async beginWriting(block: ContentBlock): Promise<void> {
    await this.writing;
    this.writing = this.write(block.bytes, block.start).then(() => {
      block.isWritten = true;
      this.dropWritten();
    });
    // Told by the next one, or at the end.
    this.writing.catch(() => undefined);
  }

  private async write(bytes: Buffer, position: number): Promise<void> {
    if (bytes.length === 0) return;
    this.isDirect ??= setDirect(this.handle.fd, true);
    try {
      await writeWhole(this.handle, bytes, position);
    } catch (error) {
      // Some file systems take the flag and then refuse the write, or have larger blocks; others write part of it.
      if (!this.isDirect || systemErrorCode(error) !== 'EINVAL') throw error;
      this.isDirect = false;
      setDirect(this.handle.fd, false);
      await writeWhole(this.handle, bytes, position);
    }
  }

  private dropWritten(): void {
    for (const [index, block] of [...this.blocks.entries()].toReversed()) {
      if (blocksTaken() <= mostBlocksInMemory) return;
      if (!block.isWritten || block.isLent) continue;
      this.blocks.splice(index, 1);
      giveBlock(block);
    }
  }

  private lend(block: ContentBlock, offset: number, maxBytes: number): Buffer {
    const bytes = block.bytes.subarray(offset, Math.min(block.usedBytes, offset + maxBytes));
    if (!block.isLent && blocksTaken() > mostBlocksInMemory) {
      beforeAllocating(bytes.length);
      return Buffer.from(bytes);
    }
    block.isLent = true;
    return bytes;
  }

  /** By a descriptor of its own: what is read has no need of the writer's alignment. The name may be another by now, or none. */
  private openReader(): Promise<FileHandle> {
    this.reader ??= open(`/proc/self/fd/${this.handle.fd}`, 'r');
    return this.reader;
  }
}
