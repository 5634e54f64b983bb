import { readdir } from 'node:fs/promises';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import { isUnfinishedMarker, readRestoreMarker } from '@archive2/core/restore/extract/restore-marker.ts';
import { parseTablespaceMap } from '@archive2/core/restore/extract/tablespace-map.ts';
import type { Candidate } from '../plan/restore-plan.ts';

const mapName = 'tablespace_map';
const largestMapBytes = 2 ** 22;

/** Where the tablespaces of a backup were, by OID; empty without any. Throws what the source throws. */
export async function readTablespaces({ place, backup }: Candidate, signal: AbortSignal): Promise<Map<string, string>> {
  const oids = backup.files.flatMap(({ name }) => /^(\d+)\.tar(\.\w+)?$/.exec(name)?.[1] ?? []);
  const map = backup.files.find(({ name }) => name === mapName);
  if (oids.length === 0 || map === undefined || map.sizeBytes > largestMapBytes) {
    if (oids.length === 0) return new Map();
    throw new Failure('restore_refused', `${backup.name} has tablespaces, and no usable ${mapName}`, {
      hint: 'Restore another backup, or this one by hand: docs/operating.md.',
    });
  }
  const pieces: Buffer[] = [];
  for await (const piece of place.backup(backup.name).read(mapName, signal)) pieces.push(Buffer.from(piece));
  return parseTablespaceMap(Buffer.concat(pieces).toString('latin1'));
}

/** Where they go: by what was said of the OID or of the old place, else where they were. Throws Failure `usage`. Pure. */
export function placeTablespaces(
  old: ReadonlyMap<string, string>,
  said: ReadonlyMap<string, string>,
): Map<string, string> {
  const unused = [...said.keys()].find((key) => !old.has(key) && ![...old.values()].includes(key));
  if (unused !== undefined) {
    const known = [...old].map(([oid, path]) => `${oid} (${path})`).join(', ');
    throw new Failure('usage', `--tablespace-map names ${unused}, which the backup does not have`, {
      hint: known === '' ? 'It has no tablespaces.' : `It has ${known}.`,
    });
  }
  return new Map([...old].map(([oid, path]) => [oid, said.get(oid) ?? said.get(path) ?? path]));
}

/** Throws Failure `restore_refused` for a place that holds something else than this restore, interrupted. */
export async function checkTablespacePlaces(places: ReadonlyMap<string, string>, target: string): Promise<void> {
  for (const [oid, path] of places) {
    const names = (await namesIn(path)).filter((name) => !isUnfinishedMarker(name));
    if (names.length === 0) continue;
    if ((await readRestoreMarker(path))?.target === target) continue;
    throw new Failure('restore_refused', `${path}, where tablespace ${oid} is to go, is not empty`, {
      hint: `Send it elsewhere: --tablespace-map ${oid}=/another/directory.`,
    });
  }
}

async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
}
