import { workBounded } from '../../base/bounded-work.ts';

/** A batch: the first fsync of it commits the file system's journal for all, the others find little to do. */
const batchFiles = 256;
const width = 2;

/** A file that was written. */
export interface WrittenFile {
  /** Makes it durable. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * fsyncs written files and closes them, many at a time while others are written. By the handles that they were written with: an
 * error of the disk is told to those for certain.
 */
export class SyncQueue {
  private readonly signal: AbortSignal;
  private readonly waiting: WrittenFile[] = [];
  private openFiles = 0;
  private running: Promise<void> | undefined;
  private failed: { error: unknown } | undefined;

  /** Once the signal is aborted files are closed as they are. */
  constructor(signal: AbortSignal) {
    this.signal = signal;
  }

  add(file: WrittenFile): void {
    this.waiting.push(file);
    this.openFiles += 1;
    if (this.waiting.length >= batchFiles) this.begin();
  }

  /** Waits while too many files are open. Throws what went wrong so far. */
  async settle(): Promise<void> {
    while (this.openFiles >= 2 * batchFiles) await this.running;
    if (this.failed !== undefined) throw this.failed.error;
  }

  /** All files that were added are durable on return. Throws the first error or the signal's reason; all are closed either way. */
  async finish(): Promise<void> {
    while (this.running !== undefined || this.waiting.length > 0) {
      this.begin();
      await this.running;
    }
    if (this.failed !== undefined) throw this.failed.error;
    this.signal.throwIfAborted();
  }

  /** Closes the files that are left, as they are; the signal is aborted, or nothing is left. */
  async abandon(): Promise<void> {
    await this.running;
    for (const file of this.waiting.splice(0)) await file.close();
  }

  private begin(): void {
    if (this.running !== undefined) return;
    const batch = this.waiting.splice(0);
    this.running = workBounded(batch, width, (file) => this.sync(file)).finally(() => {
      this.running = undefined;
      if (this.waiting.length >= batchFiles) this.begin();
    });
  }

  /** Never fails, so that each file is closed. */
  private async sync(file: WrittenFile): Promise<void> {
    try {
      if (this.failed === undefined && !this.signal.aborted) await file.sync();
    } catch (error) {
      this.failed = { error };
    }
    await file.close().catch((error: unknown) => {
      this.failed ??= { error };
    });
    this.openFiles -= 1;
  }
}
