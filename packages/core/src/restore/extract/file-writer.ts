import { Arenas, arenaBytes } from './arenas.ts';
import { blockBytes, type FileMaking, TargetFile } from './target-file.ts';

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
  private readonly arenas = new Arenas();
  private readonly waiting = new Set<Promise<void>>();
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
    this.from = this.arenas.current.used;
  }

  content(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) {
      const arena = this.arenas.current;
      const copied = bytes.copy(arena.bytes, arena.used, at);
      arena.used += copied;
      at += copied;
      if (arena.used === arenaBytes) this.writeSlice();
    }
  }

  end(): void {
    if (this.arenas.current.used > this.from) this.writeSlice();
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
      (this.arenas.waitingCount > mostWaitingArenas || this.waiting.size > mostWaitingSteps)
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
    const { arenas, from } = this;
    const arena = arenas.current;
    const file = this.file as TargetFile;
    const content = arena.bytes.subarray(from, arena.used);
    this.writing.onContent(file.path, file.givenBytes, content);
    const end = this.writing.direct ? roundUp(arena.used, blockBytes) : arena.used;
    arena.bytes.fill(0, arena.used, end);
    arenas.hold(arena);
    const written = file.append(arena.bytes.subarray(from, end), content.length).finally(() => arenas.release(arena));
    this.track(
      written.catch((error: unknown) => {
        this.failed ??= { error };
      }),
    );
    arena.used = roundUp(arena.used, alignmentBytes);
    if (arena.used === arenaBytes) arenas.advance();
    this.from = arenas.current.used;
  }

  private track(work: Promise<void>): void {
    const tracked = work.finally(() => this.waiting.delete(tracked));
    this.waiting.add(tracked);
  }
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}
