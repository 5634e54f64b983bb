import { mkdir, readdir, readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { replaceFileDurably } from '../files/atomic-file.ts';
import { syncDirectory } from '../files/directory-sync.ts';
import { type HeldLock, tryLock } from '../files/lock.ts';
import type { Claim, ClaimRequest, Outcome } from './task.ts';
import { parseJournalEntry, stringifyEntry } from './task-journal-text.ts';

/** What a worker has to remember of one task, however it ends. */
export interface JournalEntry {
  /** As `--queue` said it. */
  queue: string;
  /** With the token that the entry is named by. */
  request: ClaimRequest;
  /** Undefined: asked for, and no answer was noted. */
  claim?: Claim | undefined;
  /** What it is making, by which an end that nobody noted can be told: "data.master.7". */
  name?: string | undefined;
  /** It has ended; the queue may not know yet. */
  outcome?: Outcome | undefined;
}

/** An entry that nobody else is working on, for as long as it is open. */
export interface OpenEntry {
  readonly entry: JournalEntry;
  /** Durable on return. */
  write(change: Partial<JournalEntry>): Promise<void>;
  /** The queue knows it all: the entry is removed. */
  settle(): Promise<void>;
  /** Leaves the entry for the next run. */
  release(): void;
}

const entryName = /^([0-9a-f-]{36})\.json$/;

/**
 * The tasks of this account's workers that the queue may not know the end of: a file for each in a directory, written before the
 * task is asked for and removed when its completion was recorded. A lock on each, which dies with its holder, tells the entries of
 * workers that live.
 */
export class TaskJournal {
  private readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  static async open(directory: string): Promise<TaskJournal> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new TaskJournal(directory);
  }

  async create(entry: JournalEntry): Promise<OpenEntry> {
    const opened = this.take(entry.request.token, entry);
    if (opened === undefined) throw new Error('a token of the journal is taken');
    await opened.write({});
    return opened;
  }

  /** The entries of this queue that dead workers have left, oldest token first. One that can't be read is reported and left. */
  async left(queue: string, onProblem: (path: string, problem: string) => void): Promise<OpenEntry[]> {
    const opened: OpenEntry[] = [];
    for (const name of (await readdir(this.directory)).toSorted()) {
      const token = entryName.exec(name)?.[1];
      if (token === undefined) continue;
      const entry = await this.read(token, onProblem);
      if (entry === undefined || entry.queue !== queue) continue;
      const taken = this.take(token, entry);
      if (taken === undefined) continue;
      // It may have been settled, or changed, while it was not ours.
      const now = await this.read(token, onProblem);
      taken.release();
      const again = now === undefined ? undefined : this.take(token, now);
      if (again !== undefined) opened.push(again);
    }
    return opened;
  }

  private take(token: string, initial: JournalEntry): OpenEntry | undefined {
    const path = join(this.directory, `${token}.json`);
    const lockPath = join(this.directory, `${token}.lock`);
    const lock: HeldLock | undefined = tryLock(lockPath);
    if (lock === undefined) return undefined;
    let entry = initial;
    const { directory } = this;
    return {
      get entry() {
        return entry;
      },
      async write(change) {
        entry = { ...entry, ...change };
        await replaceFileDurably(path, stringifyEntry(entry), systemClock.nowMs());
      },
      async settle() {
        await unlinkIfThere(path);
        await syncDirectory(directory);
        await unlinkIfThere(lockPath);
        lock.release();
      },
      release: () => lock.release(),
    };
  }

  private async read(
    token: string,
    onProblem: (path: string, problem: string) => void,
  ): Promise<JournalEntry | undefined> {
    const path = join(this.directory, `${token}.json`);
    try {
      return parseJournalEntry(await readFile(path, 'utf8'));
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      if (!(error instanceof Failure || error instanceof SyntaxError)) throw error;
      onProblem(path, error.message);
      return undefined;
    }
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
