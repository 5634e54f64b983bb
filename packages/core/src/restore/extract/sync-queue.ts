import type { FileHandle } from 'node:fs/promises';
import { workBounded } from '../../base/bounded-work.ts';

/** A batch: the first fsync of it commits the file system's journal for all, the others find little to do. */
const batchFiles = 256;
const width = 2;

/**
 * fsyncs written files and closes them, many at a time while others are written. By the handles that they were written with: an
 * error of the disk is told to those for certain.
 */
export class SyncQueue {
  private waiting: FileHandle[] = [];
  private running: Promise<void> | undefined;
  private failed: { error: unknown } | undefined;

  add(handle: FileHandle): void {
    this.waiting.push(handle);
    if (this.waiting.length >= batchFiles) this.begin();
  }

  /** Waits while too many files are open. Throws what went wrong so far. */
  async settle(): Promise<void> {
    while (this.waiting.length >= 2 * batchFiles) await this.running;
    if (this.failed !== undefined) throw this.failed.error;
  }

  /** All files that were added are durable on return. Throws the first error; all are closed either way. */
  async finish(): Promise<void> {
    while (this.running !== undefined || this.waiting.length > 0) {
      this.begin();
      await this.running;
    }
    if (this.failed !== undefined) throw this.failed.error;
  }

  /** Closes the files as they are. */
  async abandon(): Promise<void> {
    await this.running;
    for (const handle of this.waiting.splice(0)) await handle.close();
  }

  private begin(): void {
    if (this.running !== undefined) return;
    const batch = this.waiting.splice(0);
    this.running = workBounded(batch, width, (handle) => this.sync(handle)).finally(() => {
      this.running = undefined;
      if (this.waiting.length >= batchFiles) this.begin();
    });
  }

  /** Never fails, so that each file is closed. */
  private async sync(handle: FileHandle): Promise<void> {
    try {
      if (this.failed === undefined) await handle.sync();
    } catch (error) {
      this.failed = { error };
    }
    await handle.close().catch((error: unknown) => {
      this.failed ??= { error };
    });
  }
}
