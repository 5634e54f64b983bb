import { open } from 'node:fs/promises';

/** fsyncs a directory: until then, a name made or removed in it may be undone by a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * Shares directory fsyncs between files that are published at the same time.
 *
 * Every caller of `sync` is answered by an fsync that *began* after its call, so what it did before is covered; callers
 * that arrive while one is running share the next one.
 */
export class SharedDirectorySync {
  private readonly path: string;
  private readonly fsync: (path: string) => Promise<void>;
  private running: Promise<void> | undefined;
  private next: Promise<void> | undefined;

  constructor(path: string, fsync = syncDirectory) {
    this.path = path;
    this.fsync = fsync;
  }

  sync(): Promise<void> {
    if (this.running === undefined) return this.begin();
    this.next ??= this.running.then(
      () => this.begin(),
      () => this.begin(),
    );
    return this.next;
  }

  private begin(): Promise<void> {
    this.next = undefined;
    const running = this.fsync(this.path).finally(() => {
      if (this.running === running) this.running = undefined;
    });
    this.running = running;
    return running;
  }
}
