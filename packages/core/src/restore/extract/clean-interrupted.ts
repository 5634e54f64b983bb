import { existsSync } from 'node:fs';
import { readdir, rmdir, unlink } from 'node:fs/promises';
import { systemErrorCode } from '../../base/failure.ts';
import { AnchoredDirectory } from './anchored-directory.ts';
import { refused, toTargetFailure } from './extraction-failure.ts';
import { readRestoreMarker, removeRestoreMarker, restoreMarkerName } from './restore-marker.ts';

/**
 * Takes back an extraction that was begun and not ended, or whose result is not wanted: empties the data directory and those of its
 * tablespaces that carry its marker, and removes the markers. The directories themselves stay. Throws `restore_refused` without
 * a marker, and when a server was started there; `busy` while an extraction is at work.
 */
export async function cleanInterrupted(target: string, signal: AbortSignal): Promise<void> {
  if ((await readRestoreMarker(target)) === undefined) {
    throw refused(`${target} was not left by a restore`, 'Nothing was removed. Look at what it holds.');
  }
  const held = [await AnchoredDirectory.open(target, undefined)];
  const [data] = held as [AnchoredDirectory];
  try {
    const marker = await readRestoreMarker(data.textWayTo());
    if (marker === undefined) return;
    for (const path of Object.values(marker.tablespaces)) {
      if (existsSync(path)) held.push(await AnchoredDirectory.open(path, undefined));
    }
    await removeExtracted(held, marker.planId, signal);
    await removeRestoreMarker(target);
  } catch (error) {
    throw toTargetFailure(error, target);
  } finally {
    for (const directory of held) directory.close();
  }
}

/**
 * Removes all but the markers from directories that are held, the data directory first; of those without a marker of this plan,
 * nothing: they were not begun with, and may be anybody's by now.
 */
export async function removeExtracted(
  held: readonly AnchoredDirectory[],
  planId: string,
  signal: AbortSignal,
): Promise<void> {
  for (const directory of held) checkNoServerWasStarted(directory);
  for (const directory of held.toReversed()) {
    if ((await readRestoreMarker(directory.textWayTo()))?.planId !== planId) continue;
    await emptyDirectory(directory.wayTo(), signal, restoreMarkerName);
  }
}

/** A server leaves these, and a base backup never has them: where one is, there is a cluster by now, marker or not. */
export const serverFiles = ['postmaster.pid', 'postmaster.opts'];

export function checkNoServerWasStarted(directory: AnchoredDirectory): void {
  const left = serverFiles.find((name) => existsSync(directory.textWayTo(name)));
  if (left === undefined) return;
  throw refused(
    `a server was started in ${directory.path} (${left}), although the restore had not ended`,
    `If the cluster there is wanted, remove ${restoreMarkerName}; if not, stop the server and empty the directory.`,
  );
}

/** Like rm -r of what is in it: links are not followed, but it ends when the signal says so. Names are any bytes. */
async function emptyDirectory(path: Buffer, signal: AbortSignal, kept?: string): Promise<void> {
  for (const name of await readdir(path, { encoding: 'buffer' })) {
    if (name.toString('latin1') === kept) continue;
    signal.throwIfAborted();
    const place = Buffer.concat([path, Buffer.from('/'), name]);
    try {
      await unlink(place);
    } catch (error) {
      if (systemErrorCode(error) !== 'EISDIR') throw error;
      await emptyDirectory(place, signal);
      await rmdir(place);
    }
  }
}
