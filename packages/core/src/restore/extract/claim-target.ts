import { readdir, unlink } from 'node:fs/promises';
import { systemErrorCode } from '../../base/failure.ts';
import { AnchoredDirectory } from './anchored-directory.ts';
import type { Extraction } from './extraction.ts';
import { refused } from './extraction-failure.ts';
import { isUnfinishedMarker, type RestoreMarker, readRestoreMarker, restoreMarkerName } from './restore-marker.ts';

/** The directories of an extraction, held. To be closed. */
export interface ClaimedTarget {
  readonly data: AnchoredDirectory;
  /** By OID. */
  readonly tablespaces: ReadonlyMap<string, AnchoredDirectory>;
  /** What an earlier call with this plan left here. */
  readonly marker: RestoreMarker | undefined;
  close(): void;
}

/**
 * Opens, or makes, the data directory and those of the tablespaces. Throws `restore_refused` unless each is empty or was left by an
 * earlier call with the same plan; then none was made or changed. Throws `busy` when another extraction holds one.
 */
export async function claimTarget(extraction: Extraction): Promise<ClaimedTarget> {
  const { target, tablespaces, planId, owner } = extraction;
  const paths = [target, ...tablespaces.values()];
  for (const path of paths) await checkIsFree(path, path, planId);
  const held: AnchoredDirectory[] = [];
  const close = () => {
    for (const directory of held.splice(0)) directory.close();
  };
  try {
    for (const path of paths) held.push(await AnchoredDirectory.open(path, owner));
    checkAreSeparate(held);
    // Again, now that nobody else who goes by the locks can fill them.
    for (const directory of held) await checkIsFree(directory.textWayTo(), directory.path, planId);
    for (const directory of held) await removeUnfinishedMarkers(directory);
    const [data, ...others] = held as [AnchoredDirectory, ...AnchoredDirectory[]];
    const byOid = new Map([...tablespaces.keys()].map((oid, index) => [oid, others[index] as AnchoredDirectory]));
    return { data, tablespaces: byOid, marker: await readRestoreMarker(data.textWayTo()), close };
  } catch (error) {
    close();
    throw error;
  }
}

/** `path` under the name `shown`: is not there, or empty, or of this plan. */
async function checkIsFree(path: string, shown: string, planId: string): Promise<void> {
  const names = (await namesIn(path, shown)).filter((name) => !isUnfinishedMarker(name));
  if (names.length === 0) return;
  const marker = names.includes(restoreMarkerName) ? await readRestoreMarker(path) : undefined;
  if (marker === undefined) {
    throw refused(
      `${shown} is not empty`,
      'Choose another directory, or move aside what is there. A file system needs a directory below its mount point.',
    );
  }
  if (marker.planId === planId) return;
  throw refused(
    `${shown} was left by another restore, of ${marker.backup} of ${marker.cluster}`,
    'Give the command of that restore again to end it, remove what it left, or choose another directory.',
  );
}

/** Of a call that was killed as it began: the directory is held, so nobody is writing one. */
async function removeUnfinishedMarkers(directory: AnchoredDirectory): Promise<void> {
  const names = await namesIn(directory.textWayTo(), directory.path);
  for (const name of names.filter(isUnfinishedMarker)) await unlink(directory.textWayTo(name));
}

async function namesIn(path: string, shown: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === 'ENOENT') return [];
    if (code !== 'ENOTDIR') throw error;
    throw refused(`${shown} is no directory`, 'Choose another directory, or remove what is there.');
  }
}

/** One directory by two ways: their files would mix. */
function checkAreSeparate(directories: readonly AnchoredDirectory[]): void {
  const seen = new Map<string, AnchoredDirectory>();
  for (const directory of directories) {
    const other = seen.get(directory.identity);
    if (other !== undefined) {
      throw refused(`${directory.path} and ${other.path} are the same directory`, 'Choose directories of their own.');
    }
    seen.set(directory.identity, directory);
  }
}
