import { randomBytes } from 'node:crypto';
import { linkSync, readdirSync, rmSync } from 'node:fs';
import { mkdir, rm, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '@archive2/core/base/failure.ts';
import { isPartName } from '@archive2/core/files/part-file.ts';
import { fingerprintOfFile } from './fingerprint-of-file.ts';

/** A fetched file that waits to be asked for: complete, verified, under a name that only the agent knows. */
export interface HeldFile {
  path: string;
  /** The source file's modification time, as the archive keeps it. */
  modifiedMs: number;
  fingerprint: bigint;
}

interface Held extends HeldFile {
  /** PostgreSQL has the same file under a name of its own, and writes to it when it uses it again for later WAL. */
  isShared: boolean;
}

/**
 * The files that were fetched, ahead of PostgreSQL and a few behind it, in a directory of the agent's own. It is trusted only while
 * the agent that filled it lives: opening it removes whatever another one left.
 */
export class SegmentBuffer {
  readonly directory: string;
  private readonly held = new Map<string, Held>();
  /** Given to a client that renames them away; one that died leaves them. */
  private readonly handedOut = new Map<string, number>();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Throws Failure `state_directory` when the directory cannot be used. */
  static async open(directory: string): Promise<SegmentBuffer> {
    try {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      for (const name of readdirSync(directory).filter(isPartName)) rmSync(join(directory, name), { force: true });
    } catch (error) {
      throw new Failure('state_directory', `the buffer directory ${directory} cannot be used`, {
        cause: error,
        hint: 'Give another one with --buffer-dir, on a disk with room for the segments that are fetched ahead.',
      });
    }
    return new SegmentBuffer(directory);
  }

  names(): ReadonlySet<string> {
    return new Set(this.held.keys());
  }

  /** Keeps a file, and returns what is held: of two that fetches have brought at the same time the first one, the other goes. */
  hold(name: string, file: HeldFile): HeldFile {
    const first = this.held.get(name);
    if (first !== undefined) {
      rmSync(file.path, { force: true });
      return first;
    }
    this.held.set(name, { ...file, isShared: false });
    return file;
  }

  /** What is held under a name. A file that was given away before is read again first: one that changed is dropped. */
  async look(name: string): Promise<HeldFile | undefined> {
    const file = this.held.get(name);
    if (file === undefined || !file.isShared) return file;
    const fingerprint = await fingerprintOfFile(file.path);
    if (fingerprint !== file.fingerprint && this.held.get(name) === file) await this.drop([name]);
    return this.held.get(name);
  }

  /**
   * Gives a held file away: the path that it returns is the client's to rename. With `keep` it stays held as well, under a second
   * name, where the file system has hard links.
   */
  handOut(name: string, nowMs: number, keep: boolean): HeldFile | undefined {
    const file = this.held.get(name);
    if (file === undefined) return undefined;
    const second = keep ? this.linkOf(name, file.path) : undefined;
    if (second === undefined) this.held.delete(name);
    else this.held.set(name, { ...file, isShared: true });
    const { modifiedMs, fingerprint } = file;
    const given = { path: second ?? file.path, modifiedMs, fingerprint };
    this.handedOut.set(given.path, nowMs);
    return given;
  }

  async drop(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const file = this.held.get(name);
      this.held.delete(name);
      if (file !== undefined) await rm(file.path, { force: true });
    }
  }

  /** Removes what clients that died have left for longer than `ageMs`; their files are normally gone in a millisecond. */
  async removeAbandoned(nowMs: number, ageMs: number): Promise<void> {
    for (const [path, sinceMs] of this.handedOut) {
      if (nowMs - sinceMs < ageMs) continue;
      this.handedOut.delete(path);
      await unlink(path).catch(() => undefined);
    }
  }

  /** Empties the directory, at once. */
  clear(): void {
    for (const { path } of this.held.values()) rmSync(path, { force: true });
    for (const path of this.handedOut.keys()) rmSync(path, { force: true });
    this.held.clear();
    this.handedOut.clear();
  }

  private linkOf(name: string, path: string): string | undefined {
    const second = join(this.directory, `.${name}.${randomBytes(8).toString('hex')}.part`);
    try {
      linkSync(path, second);
      return second;
    } catch {
      // A file system without hard links: it is given away, and fetched again if it is asked for again.
      return undefined;
    }
  }
}
