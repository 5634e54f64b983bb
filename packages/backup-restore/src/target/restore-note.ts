import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { replaceFileDurably } from '@archive2/core/files/atomic-file.ts';

/** prepared: files and settings are there. started: its server was. done: it reached its target. */
type RestoreNoteState = 'prepared' | 'started' | 'done';

/**
 * What stays in a restored data directory, so that the same command knows its own work again after the files were complete, and a person
 * where the data came from. PostgreSQL does not look at it.
 */
export interface RestoreNote {
  /** Of the restore; see planIdOf. */
  readonly planId: string;
  /** What the recovery was told: target, timeline, action, mode. A server that has begun with one cannot go on with another. */
  readonly recovery: string;
  readonly cluster: string;
  readonly backup: string;
  readonly manifestSha256: string | undefined;
  readonly state: RestoreNoteState;
  /** Where the old data directory was moved; undefined when there was none. */
  readonly setAside: string | undefined;
}

const restoreNoteName = 'archive2-restore.json';

/** The note in a directory; undefined when there is none. Throws Failure `restore_refused` for one that cannot be read. */
export async function readRestoreNote(directory: string): Promise<RestoreNote | undefined> {
  const path = join(directory, restoreNoteName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return noteOf(JSON.parse(text) as Record<string, unknown>);
  } catch (error) {
    throw new Failure('restore_refused', `${path} cannot be read as the note of a restore`, {
      cause: error,
      hint: 'If the directory is not needed, let it be moved aside with --keep-old after removing that file.',
    });
  }
}

/** Durable on return. */
export async function writeRestoreNote(directory: string, note: RestoreNote, nowMs: number): Promise<void> {
  const json = { format: 1, ...note, at: new Date(nowMs).toISOString() };
  await replaceFileDurably(join(directory, restoreNoteName), `${JSON.stringify(json, null, 2)}\n`, nowMs);
}

function noteOf(fields: Record<string, unknown>): RestoreNote {
  const text = (key: string): string => {
    const value = fields[key];
    if (typeof value !== 'string') throw new Error(`${key} is missing`);
    return value;
  };
  const state = text('state');
  if (fields['format'] !== 1 || (state !== 'prepared' && state !== 'started' && state !== 'done')) {
    throw new Error('format or state is not known');
  }
  const { setAside, manifestSha256 } = fields;
  return {
    planId: text('planId'),
    recovery: text('recovery'),
    cluster: text('cluster'),
    backup: text('backup'),
    state,
    manifestSha256: typeof manifestSha256 === 'string' ? manifestSha256 : undefined,
    setAside: typeof setAside === 'string' ? setAside : undefined,
  };
}
