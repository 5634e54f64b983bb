import { pageAligned } from '../../files/page-aligned.ts';

/** What is gathered before it is written: large pieces cost the kernel and the disk less. */
export const arenaBytes = 4 * 2 ** 20;

/** A buffer that content is gathered in, for one file after the other. */
export interface Arena {
  readonly bytes: Buffer;
  /** From here on it is free. */
  used: number;
  /** Writes that read from it. */
  writers: number;
}

/** The arenas of one writer: one is filled, others wait until all of them is written, and are then filled again. */
export class Arenas {
  private readonly sizeBytes: number;
  private readonly free: Arena[] = [];
  private filled: Arena;
  private fullCount = 0;

  constructor(sizeBytes = arenaBytes) {
    this.sizeBytes = sizeBytes;
    this.filled = this.make();
  }

  /** The one that is filled. */
  get current(): Arena {
    return this.filled;
  }

  /** Those that are full and not written yet. */
  get waitingCount(): number {
    return this.fullCount;
  }

  /** A write from an arena begins. */
  hold(arena: Arena): void {
    arena.writers += 1;
  }

  /** It has ended, one way or the other. */
  release(arena: Arena): void {
    arena.writers -= 1;
    if (arena.writers > 0 || arena === this.filled) return;
    arena.used = 0;
    this.fullCount -= 1;
    this.free.push(arena);
  }

  /** Goes on in another one: the current one is full, and held. */
  advance(): void {
    this.filled = this.free.pop() ?? this.make();
    this.fullCount += 1;
  }

  private make(): Arena {
    return { bytes: pageAligned(this.sizeBytes), used: 0, writers: 0 };
  }
}
