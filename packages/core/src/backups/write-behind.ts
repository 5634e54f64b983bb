/** Between two looks at the disk: little enough that the last one is short. */
const intervalBytes = 16 * 2 ** 20;

/** A file that is open for writing. */
export interface SyncedFile {
  datasync(): Promise<void>;
  sync(): Promise<void>;
}

/**
 * Has a large file written to the disk while it grows, so that the fsync at its end has little left to do. It must be open since
 * before anything was written: an error of the disk is told to those.
 */
export class WriteBehind {
  private readonly handle: SyncedFile;
  private unsyncedBytes = 0;
  private running: Promise<void> | undefined;
  private failed: { error: unknown } | undefined;

  constructor(handle: SyncedFile) {
    this.handle = handle;
  }

  /** Throws the error of an earlier write to the disk. */
  note(bytes: number): void {
    if (this.failed !== undefined) throw this.failed.error;
    this.unsyncedBytes += bytes;
    if (this.unsyncedBytes < intervalBytes || this.running !== undefined) return;
    this.unsyncedBytes = 0;
    this.running = this.handle
      .datasync()
      .catch((error: unknown) => {
        this.failed = { error };
      })
      .finally(() => {
        this.running = undefined;
      });
  }

  /** All that was written is durable on return. */
  async finish(): Promise<void> {
    await this.running;
    if (this.failed !== undefined) throw this.failed.error;
    await this.handle.sync();
  }

  /** The file is given up: only waits for what is under way. */
  async abandon(): Promise<void> {
    await this.running;
  }
}
