import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode } from '../base/failure.ts';
import { DirectContent } from './direct-content.ts';
import { BlockingContent, type FileContent, PlainContent } from './file-content.ts';
import { linkUnlessTaken } from './link.ts';
import { tryFlockExclusive } from './lock-door.ts';
import { reserveSpace } from './space-door.ts';

/** What became of a publication: `taken` means that another file has the name; nothing was changed. */
export type Publication = 'published' | 'taken';

const partNamePattern = /^\.(.+)\.[0-9a-f]{16}\.part$/;

export function isPartName(name: string): boolean {
  return partNamePattern.test(name);
}

/**
 * A file that is being written and has no name yet that anybody would read: `.<NAME>.<random>.part`, beside its final
 * name, created exclusively, 0600. The writer holds a flock on it for as long as it is open, which tells the living from
 * the stale (stale-parts.ts). Exactly one of `publish` and `discard` ends it.
 */
export class PartFile {
  readonly path: string;
  private readonly directory: string;
  private readonly handle: FileHandle;
  private readonly content: FileContent;
  private waiters: (() => void)[] = [];

  private constructor(directory: string, path: string, handle: FileHandle, content: FileContent) {
    this.directory = directory;
    this.path = path;
    this.handle = handle;
    this.content = content;
  }

  /**
   * `isDirect`: past the page cache, for what is large and not read soon. `isBlocking`: the caller's thread has nothing else to do than to
   * wait for writes.
   */
  static async create(
    directory: string,
    name: string,
    { isDirect = false, isBlocking = false } = {},
  ): Promise<PartFile> {
    const path = join(directory, `.${name}.${randomBytes(8).toString('hex')}.part`);
    const flags = constants.O_CREAT | constants.O_EXCL | constants.O_RDWR | constants.O_NOFOLLOW;
    const handle = await open(path, flags, 0o600);
    // Nobody else knows the name, so the lock is free; a file system without flock leaves the age as the only sign of life.
    tryFlockExclusive(handle.fd);
    const usual = isBlocking ? new BlockingContent(handle) : new PlainContent(handle);
    return new PartFile(directory, path, handle, isDirect ? new DirectContent(handle) : usual);
  }

  get sizeBytes(): number {
    return this.content.sizeBytes;
  }

  /**
   * Takes the space for a file of so many bytes at once: writing it costs half as much then (16 MiB 1.8 instead of 3.6 ms of CPU; ext4,
   * Linux 6.18). Where there is no such space, or the file system has no such call, the writes show it.
   */
  reserve(sizeBytes: number): void {
    reserveSpace(this.handle.fd, sizeBytes);
  }

  /** Appends the whole chunk. Calls must not overlap. */
  async append(chunk: Buffer): Promise<void> {
    await this.content.append(chunk);
    this.wakeReaders();
  }

  /** What was appended, from `position` on; empty when there is nothing yet. It stays as it is until `close`. Safe beside `append`. */
  read(position: number, maxBytes: number): Promise<Buffer> {
    return this.content.read(position, maxBytes);
  }

  /** Resolves when more than `position` bytes are there, or when `wakeReaders` is called for another reason. */
  async waitForMore(position: number): Promise<void> {
    if (this.sizeBytes > position) return;
    await new Promise<void>((resolve) => this.waiters.push(resolve));
  }

  wakeReaders(): void {
    const waiters = this.waiters;
    this.waiters = [];
    for (const wake of waiters) wake();
  }

  /** Sets the modification time and makes the content durable. An error means that the content must be discarded. */
  async sync(modifiedMs: number): Promise<void> {
    await this.content.finish();
    const modified = new Date(modifiedMs);
    await this.handle.utimes(modified, modified);
    await this.handle.sync();
  }

  /**
   * Gives the file its final name by link(2), which never replaces, and removes the `.part` name. The caller fsyncs the
   * directory. Only after `sync`.
   */
  async publish(finalName: string): Promise<Publication> {
    const finalPath = join(this.directory, finalName);
    if (!(await linkUnlessTaken(this.path, finalPath))) {
      // Over NFS a link whose answer was lost is tried again and finds itself.
      if (!(await this.isSameFile(finalPath))) return 'taken';
    }
    await unlink(this.path);
    return 'published';
  }

  /** Puts this file in the place of `finalName`, whatever is there. For damaged files only, after they were set aside. */
  async replace(finalName: string): Promise<void> {
    await rename(this.path, join(this.directory, finalName));
  }

  /** Gives the file a second name elsewhere on the same file system; false when that name is taken. */
  linkTo(path: string): Promise<boolean> {
    return linkUnlessTaken(this.path, path);
  }

  /** Removes the `.part` name if it is still there. */
  async discard(): Promise<void> {
    try {
      await unlink(this.path);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }

  /** Ends the writer's lock. Readers of the content must be done. */
  async close(): Promise<void> {
    await this.content.close();
    await this.handle.close();
  }

  private async isSameFile(path: string): Promise<boolean> {
    const [ours, theirs] = await Promise.all([this.handle.stat(), lstat(path)]);
    return ours.ino === theirs.ino && ours.dev === theirs.dev;
  }
}
