import { closeSync, constants, fchmodSync, fchownSync, fstatSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Failure, systemErrorCode } from '../../base/failure.ts';
import { syncDirectory } from '../../files/directory-sync.ts';
import { tryFlockExclusive } from '../../files/lock-door.ts';
import type { FileOwner } from './extraction.ts';
import { refused } from './extraction-failure.ts';

/**
 * A directory that is being filled. It is held open, locked and ours alone, and what is made in it is made below the open directory:
 * nobody can put another one in its place meanwhile. To be closed.
 */
export class AnchoredDirectory {
  /** As it was named, for messages and links. */
  readonly path: string;
  private readonly descriptor: number;

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.descriptor = descriptor;
  }

  /**
   * Opens a directory, and makes it first if it is not there (its parents, too, durably). Throws `busy` when another extraction
   * holds it, `restore_refused` for what is no directory.
   */
  static async open(path: string, owner: FileOwner | undefined): Promise<AnchoredDirectory> {
    await makeDirectory(path, owner);
    const directory = new AnchoredDirectory(path, openDirectory(path));
    if (tryFlockExclusive(directory.descriptor)) return directory;
    directory.close();
    throw new Failure('busy', `another restore is filling ${path}`, { hint: 'Wait until it has ended.' });
  }

  /** Which directory it is, whatever it is called. */
  get identity(): string {
    const { dev, ino } = fstatSync(this.descriptor);
    return `${dev}.${ino}`;
  }

  /** The way to something below, bytes of its name as latin1 characters; without a name, to the directory itself. */
  wayTo(name = ''): Buffer {
    return Buffer.from(`/proc/self/fd/${this.descriptor}${name === '' ? '' : '/'}${name}`, 'latin1');
  }

  /** For names of ASCII. */
  textWayTo(name = ''): string {
    return this.wayTo(name).toString('latin1');
  }

  /** Ours alone, until `giveTo`: while root fills it, nobody else can make a link in it that root would follow. */
  keepToOurselves(): void {
    const { uid } = fstatSync(this.descriptor);
    try {
      const ourUid = process.geteuid?.() ?? uid;
      if (uid !== ourUid) fchownSync(this.descriptor, ourUid, process.getegid?.() ?? 0);
      fchmodSync(this.descriptor, 0o700);
    } catch (error) {
      if (systemErrorCode(error) !== 'EPERM') throw error;
      throw refused(`${this.path} belongs to another user`, 'Restore as its owner, or as root.');
    }
  }

  giveTo({ uid, gid }: FileOwner): void {
    fchownSync(this.descriptor, uid, gid);
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function openDirectory(path: string): number {
  try {
    // A link that an operator put there is followed, once.
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code !== 'ENOTDIR' && code !== 'ELOOP' && code !== 'ENOENT') throw error;
    throw refused(`${path} is no directory`, 'Choose another directory, or remove what is there.');
  }
}

async function makeDirectory(path: string, owner: FileOwner | undefined): Promise<void> {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT' || dirname(path) === path) throw error;
    await makeDirectory(dirname(path), owner);
    mkdirSync(path, { mode: 0o700 });
  }
  if (owner !== undefined) {
    const made = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
    fchownSync(made, owner.uid, owner.gid);
    closeSync(made);
  }
  await syncDirectory(join(path, '..'));
}
