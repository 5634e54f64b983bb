import { constants } from 'node:fs';
import { access, lstat, readdir, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import {
  isUnfinishedMarker,
  type RestoreMarker,
  readRestoreMarker,
} from '@archive2/core/restore/extract/restore-marker.ts';
import { type RestoreNote, readRestoreNote } from './restore-note.ts';
import { lookForServer, type ServerSigns } from './server-signs.ts';

/** What lies at the place that is to be restored to. */
export interface TargetFacts {
  /** Absolute, with no link in it as far as it exists. */
  readonly path: string;
  readonly kind: 'absent' | 'empty' | 'occupied' | 'not a directory';
  /** A restore that was interrupted has left it. */
  readonly marker: RestoreMarker | undefined;
  /** A restore has finished its files, and what became of its server. */
  readonly note: RestoreNote | undefined;
  readonly isMountPoint: boolean;
  readonly hasLostAndFound: boolean;
  /** Whose it is; undefined where there is nothing. */
  readonly ownerUid: number | undefined;
  readonly server: ServerSigns;
  readonly parentExists: boolean;
  readonly isParentWritable: boolean;
}

/** Looks, and changes nothing. Throws Failure `restore_refused` for a link that leads nowhere. */
export async function lookAtTarget(wanted: string): Promise<TargetFacts> {
  const path = await resolveTarget(wanted);
  const parent = dirname(path);
  const stats = await statIfThere(path);
  const parentStats = await statIfThere(parent);
  const isDirectory = stats?.isDirectory() === true;
  const names = isDirectory ? (await readdir(path)).filter((name) => !isUnfinishedMarker(name)) : [];
  return {
    path,
    kind: stats === undefined ? 'absent' : !isDirectory ? 'not a directory' : names.length > 0 ? 'occupied' : 'empty',
    marker: isDirectory ? await readRestoreMarker(path) : undefined,
    note: isDirectory ? await readRestoreNote(path) : undefined,
    isMountPoint: isDirectory && stats.dev !== parentStats?.dev,
    hasLostAndFound: names.includes('lost+found'),
    ownerUid: stats?.uid,
    server: await lookForServer(path),
    parentExists: parentStats?.isDirectory() === true,
    isParentWritable: await isWritable(parent),
  };
}

/** Directories beside the target that this and earlier restores have moved there, oldest first. */
export async function setAsideBefore(path: string): Promise<string[]> {
  const prefix = `${basename(path)}.before-`;
  const names = await readdir(dirname(path)).catch(() => []);
  return names
    .filter((name) => name.startsWith(prefix))
    .toSorted()
    .map((name) => join(dirname(path), name));
}

async function resolveTarget(wanted: string): Promise<string> {
  try {
    return await realpath(wanted);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
  const isLink = await lstat(wanted).then(
    (stats) => stats.isSymbolicLink(),
    () => false,
  );
  if (isLink) {
    throw new Failure('restore_refused', `${wanted} is a link that leads nowhere`, {
      hint: 'Make the directory that it should lead to, or name that with --to.',
    });
  }
  const parent = await realpath(dirname(wanted)).catch(() => dirname(wanted));
  return join(parent, basename(wanted));
}

async function statIfThere(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function isWritable(path: string): Promise<boolean> {
  try {
    await access(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
