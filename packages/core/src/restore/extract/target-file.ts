import { closeSync, constants, fchown, fdatasync, fsync, ftruncate, open, write } from 'node:fs';
import { promisify } from 'node:util';
import { type SyncedFile, WriteBehind } from '../../backups/write-behind.ts';
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

/**
 * A file that is being made, exclusively, 0600. Its steps are done in the order of the calls; each call tells when its own is.
 *
 * It is closed at once, as that waits for no disk, and a cluster has a thousand small files. All else may: what makes or changes a file
 * waits where the file system is committing its journal, and that is what the fsyncs of the files before have it do.
 */
export class TargetFile {
  readonly path: string;
  private readonly making: FileMaking;
  /** Ours to close. Undefined until it is made, and once it was handed on. */
  private descriptor: number | undefined;
  /** Through the page cache only: has the disk begin before the fsync. */
  private behind: WriteBehind | undefined;
  private last: Promise<void>;
  private sizeBytes = 0;

  constructor(path: string, way: Buffer, making: FileMaking) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECT } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | (making.direct ? O_DIRECT : 0);
    this.path = path;
    this.making = making;
    this.last = openFile(way, flags, 0o600).then(
      (descriptor) => {
        this.descriptor = descriptor;
        if (!making.direct) this.behind = new WriteBehind(syncedFile(descriptor));
      },
      (error: unknown) => {
        throw takenName(error, path);
      },
    );
    // Told by the steps.
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
    return this.step(async (descriptor) => {
      for (let at = 0; at < bytes.length; ) {
        at += await writeAt(descriptor, bytes.subarray(at), offset + at);
      }
      this.behind?.note(bytes.length);
    });
  }

  /** Nothing more comes: the file is handed on to be made durable. */
  end(): Promise<void> {
    const { direct, owner, syncs } = this.making;
    return this.step(async (descriptor) => {
      const { behind } = this;
      if (direct && this.sizeBytes % blockBytes !== 0) await truncate(descriptor, this.sizeBytes);
      if (owner !== undefined) await changeOwner(descriptor, owner.uid, owner.gid);
      syncs.add({
        sync: () => (behind === undefined ? syncedFile(descriptor).sync() : behind.finish()),
        close: async () => {
          await behind?.abandon();
          closeSync(descriptor);
        },
      });
      // Its number is soon another file's.
      this.descriptor = undefined;
    });
  }

  /** Waits for what is under way, and closes the file as it is, unless it was handed on. */
  async abandon(): Promise<void> {
    await this.last.catch(() => undefined);
    await this.behind?.abandon();
    if (this.descriptor !== undefined) closeSync(this.descriptor);
    this.descriptor = undefined;
  }

  private step(work: (descriptor: number) => Promise<void>): Promise<void> {
    this.last = this.last.then(() => {
      if (this.descriptor === undefined) throw new Error(`${this.path} has had its end`);
      return work(this.descriptor);
    });
    return this.last;
  }
}

const truncate = promisify(ftruncate);
const changeOwner = promisify(fchown);
const datasync = promisify(fdatasync);
const sync = promisify(fsync);

/** Resolves with the descriptor. By a number, not a handle of node:fs/promises, whose close goes through a thread, too. */
function openFile(way: Buffer, flags: number, mode: number): Promise<number> {
  return new Promise((resolve, reject) => {
    open(way, flags, mode, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
  });
}

function syncedFile(descriptor: number): SyncedFile {
  return { datasync: () => datasync(descriptor), sync: () => sync(descriptor) };
}

/** Resolves with how much was written. */
function writeAt(descriptor: number, bytes: Buffer, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, 0, bytes.length, offset, (error, written) => (error ? reject(error) : resolve(written)));
  });
}
