import { blockBytes, type FileMaking, TargetFile } from './target-file.ts';

/** What is gathered before it is written: large pieces cost the kernel and the disk less. */
const arenaBytes = 4 * 2 ** 20;

/** Each file's content begins at a multiple of this in an arena: a page of PostgreSQL's, and what direct I/O asks for. */
const alignmentBytes = 8192;

const mostWaitingArenas = 2;
const mostWaitingSteps = 32;

export interface FileWriting extends FileMaking {
  /** Told of content once it lies together, page by page; `offset` is in the file, and a multiple of a page. */
  onContent: (path: string, offset: number, bytes: Buffer) => void;
}

/**
 * Writes files one after the other, while the next content is taken. What it is given is copied, so nothing waits in `begin`, `content`
 * and `end`; `settle` does, and must be called after every few megabytes.
 */
export class FileWriter {
  private readonly writing: FileWriting;
  private readonly freeArenas: Arena[] = [];
  private readonly waiting = new Set<Promise<void>>();
  private waitingArenas = 0;
  private arena = new Arena();
  private file: TargetFile | undefined;
  /** Where the file's content that was not written yet begins in the arena. */
  private from = 0;
  private failed: { error: unknown } | undefined;

  constructor(writing: FileWriting) {
    this.writing = writing;
  }

  /** A file named `path` begins, to be made at `way`. */
  begin(path: string, way: Buffer): void {
    this.file = new TargetFile(path, way, this.writing);
    this.from = this.arena.used;
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
    if (this.arena.used > this.from) this.writeSlice();
    const file = this.file as TargetFile;
    this.file = undefined;
    this.track(
      file.end().catch(async (error: unknown) => {
        this.failed ??= { error };
        await file.abandon();
      }),
    );
  }

  /** Waits until there is room for more. Throws what went wrong so far. */
  async settle(): Promise<void> {
    while (
      this.failed === undefined &&
      (this.waitingArenas > mostWaitingArenas || this.waiting.size > mostWaitingSteps)
    ) {
      await Promise.race(this.waiting);
    }
    if (this.failed !== undefined) throw this.failed.error;
    await this.writing.syncs.settle();
  }

  /** Waits until all is written, though not durable yet. Throws what went wrong. */
  async finish(): Promise<void> {
    await this.leave();
    if (this.failed !== undefined) throw this.failed.error;
  }

  /** Waits for what is under way, and closes a file that has no end. */
  async leave(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    await file?.abandon();
    await Promise.all(this.waiting);
  }

  /** Has what the arena holds of the file written, and goes on behind it, or in the next arena. */
  private writeSlice(): void {
    const { arena, from } = this;
    const file = this.file as TargetFile;
    const content = arena.bytes.subarray(from, arena.used);
    this.writing.onContent(file.path, file.givenBytes, content);
    const end = this.writing.direct ? roundUp(arena.used, blockBytes) : arena.used;
    arena.bytes.fill(0, arena.used, end);
    arena.writers += 1;
    const written = file.append(arena.bytes.subarray(from, end), content.length).finally(() => this.release(arena));
    this.track(
      written.catch((error: unknown) => {
        this.failed ??= { error };
      }),
    );
    arena.used = roundUp(arena.used, alignmentBytes);
    if (arena.used === arenaBytes) {
      this.arena = this.freeArenas.pop() ?? new Arena();
      this.waitingArenas += 1;
    }
    this.from = this.arena.used;
  }

  private release(arena: Arena): void {
    arena.writers -= 1;
    if (arena.writers > 0 || arena === this.arena) return;
    arena.used = 0;
    this.waitingArenas -= 1;
    this.freeArenas.push(arena);
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.waiting.delete(tracked));
    this.waiting.add(tracked);
  }
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

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
