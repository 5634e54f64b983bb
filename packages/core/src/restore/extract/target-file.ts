import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { WriteBehind } from '../../backups/write-behind.ts';
import type { FileOwner } from './extraction.ts';
import type { SyncQueue } from './sync-queue.ts';
import { takenName } from './target-tree.ts';

/** Direct I/O writes whole blocks of any disk. */
export const blockBytes = 4096;

export interface FileMaking {
  /** Without the page cache: on a machine that has other work, half of the time goes into copying there. */
  direct: boolean;
  owner: FileOwner | undefined;
  syncs: SyncQueue;
}

/** A file that is being made, exclusively, 0600. Its steps are done in the order of the calls; each call tells when its own is. */
export class TargetFile {
  readonly path: string;
  private readonly making: FileMaking;
  private readonly opening: Promise<FileHandle>;
  /** Through the page cache only: has the disk begin before the fsync. */
  private behind: WriteBehind | undefined;
  private last: Promise<void>;
  private sizeBytes = 0;

  constructor(path: string, way: Buffer, making: FileMaking) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECT } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | (making.direct ? O_DIRECT : 0);
    this.path = path;
    this.making = making;
    this.opening = open(way, flags, 0o600).catch((error: unknown) => {
      throw takenName(error, path);
    });
    this.last = this.opening.then((handle) => {
      if (!making.direct) this.behind = new WriteBehind(handle);
    });
    // Its error is told by the steps after it.
    this.last.catch(() => undefined);
  }

  /** Of what it was given. */
  get givenBytes(): number {
    return this.sizeBytes;
  }

  /** Appends the first `contentBytes` of `bytes`; the rest fills the block for direct I/O. They stay as they are until then. */
  append(bytes: Buffer, contentBytes: number): Promise<void> {
    const offset = this.sizeBytes;
    this.sizeBytes += contentBytes;
    return this.step(async (handle) => {
      for (let at = 0; at < bytes.length; ) {
        at += (await handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
      }
      this.behind?.note(bytes.length);
    });
  }

  /** Nothing more comes: the file is handed on to be made durable. */
  end(): Promise<void> {
    const { direct, owner, syncs } = this.making;
    return this.step(async (handle) => {
      if (direct && this.sizeBytes % blockBytes !== 0) await handle.truncate(this.sizeBytes);
      if (owner !== undefined) await handle.chown(owner.uid, owner.gid);
      const { behind } = this;
      syncs.add({
        sync: () => (behind === undefined ? handle.sync() : behind.finish()),
        close: async () => {
          await behind?.abandon();
          await handle.close();
        },
      });
    });
  }

  /** Waits for what is under way, and closes the file as it is. Not after an `end` that was done. */
  async abandon(): Promise<void> {
    await this.last.catch(() => undefined);
    await this.behind?.abandon();
    await this.opening.then(
      (handle) => handle.close(),
      () => undefined,
    );
  }

  private step(work: (handle: FileHandle) => Promise<void>): Promise<void> {
    const done = this.last.then(async () => work(await this.opening));
    this.last = done;
    return done;
  }
}
