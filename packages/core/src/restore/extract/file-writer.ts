import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { FileOwner } from './extraction.ts';
import type { SyncQueue } from './sync-queue.ts';
import { takenName } from './target-tree.ts';

/** What is gathered before it is written: large pieces cost the kernel and the disk less. */
const arenaBytes = 4 * 2 ** 20;

/** Each file's content begins at a multiple of this in an arena: a page of PostgreSQL's, and what direct I/O asks for. */
const alignmentBytes = 8192;

/** Direct I/O writes whole blocks of any disk. */
const blockBytes = 4096;

const mostWaitingArenas = 2;
const mostOpenFiles = 16;

export interface FileWriting {
  /** Without the page cache: on a machine that has other work, half of the time goes into copying there. */
  direct: boolean;
  owner: FileOwner | undefined;
  syncs: SyncQueue;
  /** Told of content once it lies together, page by page; `offset` is in the file, and a multiple of a page. */
  onContent: (path: string, offset: number, bytes: Buffer) => void;
}

/**
 * Writes files one after the other, each exclusively made and 0600, while the next content is taken. What it is given is copied, so
 * nothing waits in `begin`, `content` and `end`; `settle` does, and must be called after every few megabytes.
 */
export class FileWriter {
  private readonly writing: FileWriting;
  private readonly freeArenas: Arena[] = [];
  private readonly pending = new Set<Promise<void>>();
  private waitingArenas = 0;
  private arena = new Arena();
  private file: OpenFile | undefined;
  private failed: { error: unknown } | undefined;

  constructor(writing: FileWriting) {
    this.writing = writing;
  }

  /** A file named `path` begins, to be made at `way`. */
  begin(path: string, way: Buffer): void {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECT } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | (this.writing.direct ? O_DIRECT : 0);
    const opening = open(way, flags, 0o600).catch((error: unknown) => {
      throw takenName(error, path);
    });
    this.file = { path, opening, done: opening.then(() => undefined), sizeBytes: 0, from: this.arena.used };
    // Its error is seen at the end of the chain.
    this.file.done.catch(() => undefined);
  }

  content(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const copied = bytes.copy(this.arena.bytes, this.arena.used, at);
      this.arena.used += copied;
      at += copied;
      if (this.arena.used === arenaBytes) this.writeSlice();
    }
  }

  end(): void {
    const { direct, owner, syncs } = this.writing;
    if (this.file !== undefined && this.arena.used > this.file.from) this.writeSlice();
    const file = this.file as OpenFile;
    this.file = undefined;
    const ending = file.done.then(async () => {
      const handle = await file.opening;
      if (direct && file.sizeBytes % blockBytes !== 0) await handle.truncate(file.sizeBytes);
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
      syncs.add(handle);
    });
    this.track(ending.catch((error: unknown) => this.abandon(file, error)));
  }

  /** Waits until there is room for more. Throws what went wrong so far. */
  async settle(): Promise<void> {
    while (this.failed === undefined && (this.waitingArenas > mostWaitingArenas || this.pending.size > mostOpenFiles)) {
      await Promise.race(this.pending);
    }
    if (this.failed !== undefined) throw this.failed.error;
    await this.writing.syncs.settle();
  }

  /** Waits until all is written, though not durable yet. Throws what went wrong. */
  async finish(): Promise<void> {
    await this.leave();
    if (this.failed !== undefined) throw this.failed.error;
  }

  /** Waits for what is under way, and closes the file that has no end. */
  async leave(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    if (file !== undefined) await this.abandon(file, new Error('the file has no end'));
    await Promise.all(this.pending);
  }

  /** Has what the arena holds of the file written, and goes on behind it, or in the next arena. */
  private writeSlice(): void {
    const { arena } = this;
    const file = this.file as OpenFile;
    const bytes = arena.bytes.subarray(file.from, arena.used);
    const offset = file.sizeBytes;
    file.sizeBytes += bytes.length;
    this.writing.onContent(file.path, offset, bytes);
    const end = this.writing.direct ? roundUp(arena.used, blockBytes) : arena.used;
    arena.bytes.fill(0, arena.used, end);
    arena.writers += 1;
    const slice = arena.bytes.subarray(file.from, end);
    const done = file.done
      .then(async () => writeAll(await file.opening, slice, offset))
      .finally(() => this.release(arena));
    file.done = done;
    this.track(done.catch((error: unknown) => this.fail(error)));
    arena.used = roundUp(arena.used, alignmentBytes);
    if (arena.used === arenaBytes) {
      this.arena = this.freeArenas.pop() ?? new Arena();
      this.waitingArenas += 1;
    }
    file.from = this.arena.used;
  }

  private release(arena: Arena): void {
    arena.writers -= 1;
    if (arena.writers > 0 || arena === this.arena) return;
    arena.used = 0;
    this.waitingArenas -= 1;
    this.freeArenas.push(arena);
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.pending.delete(tracked));
    this.pending.add(tracked);
  }

  private fail(error: unknown): void {
    this.failed ??= { error };
  }

  private async abandon(file: OpenFile, error: unknown): Promise<void> {
    this.fail(error);
    await file.done.catch(() => undefined);
    await file.opening.then(
      (handle) => handle.close(),
      () => undefined,
    );
  }
}

interface OpenFile {
  readonly path: string;
  readonly opening: Promise<FileHandle>;
  /** All writes so far; each waits for the one before. */
  done: Promise<void>;
  sizeBytes: number;
  /** Where its content that was not written yet begins in the arena. */
  from: number;
}

class Arena {
  readonly bytes = arenaMemory(arenaBytes);
  used = 0;
  writers = 0;
}

/** Memory that begins at a page of the machine's, in steps of 64 KiB: no buffer of JavaScript's promises that, one of WebAssembly does. */
export function arenaMemory(sizeBytes: number): Buffer {
  const pages = sizeBytes / 65_536;
  return Buffer.from(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}

async function writeAll(handle: FileHandle, bytes: Buffer, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
  }
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
