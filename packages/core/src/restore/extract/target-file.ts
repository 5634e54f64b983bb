import { closeSync, constants, fchownSync, fdatasync, fsync, ftruncateSync, openSync, write } from 'node:fs';
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
 * What waits for no disk is done at once: the way through a thread and back costs more than such a call, and a cluster has a thousand
 * small files.
 */
export class TargetFile {
  readonly path: string;
  private readonly making: FileMaking;
  /** Ours to close. Undefined when it could not be made, which its steps tell, and once it was handed on. */
  private descriptor: number | undefined;
  /** Through the page cache only: has the disk begin before the fsync. */
  private readonly behind: WriteBehind | undefined;
  private last: Promise<void>;
  private sizeBytes = 0;

  constructor(path: string, way: Buffer, making: FileMaking) {
    const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_DIRECT } = constants;
    const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | (making.direct ? O_DIRECT : 0);
    this.path = path;
    this.making = making;
    try {
      const descriptor = openSync(way, flags, 0o600);
      this.descriptor = descriptor;
      if (!making.direct) this.behind = new WriteBehind(syncedFile(descriptor));
      this.last = Promise.resolve();
    } catch (error) {
      this.last = Promise.reject(takenName(error, path));
      // Told by the steps.
      this.last.catch(() => undefined);
    }
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
    const { behind } = this;
    const { direct, owner, syncs } = this.making;
    return this.step(async (descriptor) => {
      if (direct && this.sizeBytes % blockBytes !== 0) ftruncateSync(descriptor, this.sizeBytes);
      if (owner !== undefined) fchownSync(descriptor, owner.uid, owner.gid);
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

const datasync = promisify(fdatasync);
const sync = promisify(fsync);

function syncedFile(descriptor: number): SyncedFile {
  return { datasync: () => datasync(descriptor), sync: () => sync(descriptor) };
}

/** Resolves with how much was written. */
function writeAt(descriptor: number, bytes: Buffer, offset: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, bytes, 0, bytes.length, offset, (error, written) => (error ? reject(error) : resolve(written)));
  });
}
