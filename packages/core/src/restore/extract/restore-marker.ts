import { readFile, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure, systemErrorCode } from '../../base/failure.ts';
import { replaceFileDurably } from '../../files/atomic-file.ts';
import { syncDirectory } from '../../files/directory-sync.ts';

/**
 * Lies in a data directory that is being filled, and in the directories of its tablespaces, so that each is known for what it is: not
 * a cluster yet, and whose work. A server may be started only when the markers are gone.
 */
export interface RestoreMarker {
  readonly planId: string;
  readonly cluster: string;
  /** "data.master.7" */
  readonly backup: string;
  readonly manifestSha256: string | undefined;
  readonly startedMs: number;
  /** Undefined while the directory is half filled; then what came: all files are there and durable, nothing else was done. */
  readonly extracted: { readonly host: string; readonly fileCount: number; readonly contentBytes: number } | undefined;
  /** The data directory; in a tablespace's directory, too. */
  readonly target: string;
  /** New directories by OID. */
  readonly tablespaces: Readonly<Record<string, string>>;
}

export const restoreMarkerName = '.archive2-restore.json';

/** What a marker is written to before it has its name: left alone in a directory, it says that a restore had just begun there. */
export function isUnfinishedMarker(name: string): boolean {
  return /^\.\.archive2-restore\.json\.[0-9a-f]{16}\.part$/.test(name);
}

/** The marker in a directory; undefined when there is none, or no directory. Throws `restore_refused` for one that is not readable. */
export async function readRestoreMarker(directory: string): Promise<RestoreMarker | undefined> {
  const path = join(directory, restoreMarkerName);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  try {
    return markerOf(JSON.parse(text));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure('restore_refused', `${path} is not one of our markers: ${reason}`, {
      cause: error,
      hint: 'Look at what the directory holds. Restore to another one, or empty it yourself.',
    });
  }
}

/** Writes it, or puts it in the place of an earlier one; durable on return. */
export async function writeRestoreMarker(directory: string, marker: RestoreMarker, nowMs: number): Promise<void> {
  const { startedMs, ...rest } = marker;
  const json = { format: 1, ...rest, startedAt: new Date(startedMs).toISOString() };
  await replaceFileDurably(join(directory, restoreMarkerName), `${JSON.stringify(json, null, 2)}\n`, nowMs);
}

/**
 * Removes the markers of a restore that is done, durably, the data directory's last. For the caller of `extractBackup`, before it
 * starts a server: a directory with a marker may be emptied by the next call.
 */
export async function removeRestoreMarker(target: string): Promise<void> {
  const marker = await readRestoreMarker(target);
  if (marker === undefined) return;
  for (const directory of Object.values(marker.tablespaces)) {
    const theirs = await readRestoreMarker(directory);
    if (theirs?.planId === marker.planId) await removeFrom(directory);
  }
  await removeFrom(target);
}

async function removeFrom(directory: string): Promise<void> {
  await unlink(join(directory, restoreMarkerName));
  await syncDirectory(directory);
}

function markerOf(json: unknown): RestoreMarker {
  if (typeof json !== 'object' || json === null) throw new Error('it is no object');
  const fields = json as Record<string, unknown>;
  if (fields['format'] !== 1) throw new Error(`format ${String(fields['format'])} is not 1`);
  const { manifestSha256, tablespaces } = fields;
  if (typeof tablespaces !== 'object' || tablespaces === null) throw new Error('it has no tablespaces');
  const startedMs = Date.parse(text(fields, 'startedAt'));
  if (Number.isNaN(startedMs)) throw new Error('startedAt is no time');
  return {
    planId: text(fields, 'planId'),
    cluster: text(fields, 'cluster'),
    backup: text(fields, 'backup'),
    manifestSha256: manifestSha256 === undefined ? undefined : text(fields, 'manifestSha256'),
    startedMs,
    extracted: extractedOf(fields['extracted']),
    target: text(fields, 'target'),
    tablespaces: Object.fromEntries(
      Object.keys(tablespaces).map((oid) => [oid, text(tablespaces as Record<string, unknown>, oid)]),
    ),
  };
}

function extractedOf(value: unknown): RestoreMarker['extracted'] {
  if (value === undefined) return undefined;
  const { host, fileCount, contentBytes } = value as Record<string, unknown>;
  if (typeof host !== 'string' || typeof fileCount !== 'number' || typeof contentBytes !== 'number') {
    throw new Error('it does not say what was extracted');
  }
  return { host, fileCount, contentBytes };
}

function text(fields: Record<string, unknown>, key: string): string {
  const value = fields[key];
  if (typeof value !== 'string' || value === '') throw new Error(`${key} is missing`);
  return value;
}
