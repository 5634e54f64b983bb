import { constants, mkdirSync, symlinkSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { backupDamaged, shownName } from '../../backups/backup-damage.ts';
import { systemErrorCode } from '../../base/failure.ts';
import type { AnchoredDirectory } from './anchored-directory.ts';
import type { FileOwner } from './extraction.ts';

/**
 * The directories that were made below an anchored one. Nothing is made but in a directory that we made: so no link, whoever put it
 * there, leads elsewhere. Names are bytes as latin1 characters, relative, checked by the tar's reader.
 */
export class TargetTree {
  readonly root: AnchoredDirectory;
  private readonly directories = new Set<string>(['']);
  private readonly links = new Set<string>();

  constructor(root: AnchoredDirectory) {
    this.root = root;
  }

  /** Makes a directory (0700). Throws `backup_damaged` without a parent; made twice it is one. */
  makeDirectory(name: string): void {
    this.checkParent(name);
    if (this.directories.has(name)) return;
    try {
      mkdirSync(this.root.wayTo(name), { mode: 0o700 });
    } catch (error) {
      throw takenName(error, name);
    }
    this.directories.add(name);
  }

  /** Throws `backup_damaged` without a parent, and when the name is taken. */
  makeLink(name: string, to: string): void {
    this.checkParent(name);
    try {
      symlinkSync(to, this.root.wayTo(name));
    } catch (error) {
      throw takenName(error, name);
    }
    this.links.add(name);
  }

  hasLink(name: string): boolean {
    return this.links.has(name);
  }

  /** Where a file may be made. Throws `backup_damaged` unless it is in a directory of ours. */
  wayToFile(name: string): Buffer {
    this.checkParent(name);
    return this.root.wayTo(name);
  }

  /** Makes all names in the directories durable, and gives them to their owner, the root last. */
  async finish(owner: FileOwner | undefined, signal: AbortSignal): Promise<void> {
    const innermostFirst = [...this.directories].toReversed();
    for (const name of innermostFirst) {
      signal.throwIfAborted();
      if (name === '' && owner !== undefined) this.root.giveTo(owner);
      const flags = constants.O_RDONLY | constants.O_DIRECTORY | (name === '' ? 0 : constants.O_NOFOLLOW);
      const handle = await open(this.root.wayTo(name), flags);
      try {
        if (name !== '' && owner !== undefined) await handle.chown(owner.uid, owner.gid);
        await handle.sync();
      } finally {
        await handle.close();
      }
    }
  }

  private checkParent(name: string): void {
    const slash = name.lastIndexOf('/');
    if (this.directories.has(slash < 0 ? '' : name.slice(0, slash))) return;
    throw backupDamaged(`has ${shownName(name)} in a directory that did not come`);
  }
}

/** A name that is taken came twice: the directory was empty. */
export function takenName(error: unknown, name: string): unknown {
  const isTaken = ['EEXIST', 'ELOOP', 'EISDIR'].includes(systemErrorCode(error) ?? '');
  return isTaken ? backupDamaged(`has ${shownName(name)} twice`, error) : error;
}
