import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { SurveyedBackup } from '../backups/host-survey.ts';
import { formatBytes } from '../base/byte-size.ts';
import { Failure, systemErrorCode } from '../base/failure.ts';
import { freeSpace } from '../files/free-space.ts';
import type { Lsn } from '../wal/lsn.ts';
import type { SegmentSize } from '../wal/segment-size.ts';

/** Segments that a recovery keeps in pg_wal besides those of the backup: its own new ones, and what is being replayed. */
const walSegments = 16;
/** Of the data; for what file systems take themselves. */
const slack = 1.02;

/** What a file system needs and has. */
export interface SpaceNeed {
  /** A directory on it, for messages. */
  readonly path: string;
  readonly neededBytes: number;
  readonly freeBytes: number;
}

/**
 * What a backup takes in the data directory ("base") and in each tablespace (its OID), in bytes: its size before compression, by the
 * share that each tar has of what is stored. Undefined when the backup does not say its size. Pure.
 */
export function bytesByTar(backup: SurveyedBackup, segmentSize: SegmentSize): ReadonlyMap<string, number> | undefined {
  const { sourceBytes, files, start, stop } = backup;
  if (sourceBytes === undefined) return undefined;
  const tars = files.flatMap(({ name, sizeBytes }) => {
    const tar = /^(base|\d+)\.tar(\.\w+)?$/.exec(name)?.[1];
    return tar === undefined ? [] : [{ tar, sizeBytes }];
  });
  const storedBytes = tars.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const shares = tars.map(
    ({ tar, sizeBytes }) => [tar, Math.ceil((sourceBytes * slack * sizeBytes) / Math.max(1, storedBytes))] as const,
  );
  const needed = new Map(shares);
  const ownWalBytes = start === undefined || stop === undefined ? 0 : Number((stop.lsn - start.lsn) as Lsn);
  const walBytes = ownWalBytes + (walSegments + 2) * segmentSize;
  return needed.set('base', (needed.get('base') ?? 0) + walBytes);
}

/** What each file system needs for the directories, each with its bytes. They need not be there yet. */
export async function spaceNeeds(directories: ReadonlyMap<string, number>): Promise<SpaceNeed[]> {
  const byDevice = new Map<number, SpaceNeed>();
  for (const [path, bytes] of directories) {
    const { dev, place } = await nearestThere(path);
    const { freeBytes } = await freeSpace(place);
    const neededBytes = (byDevice.get(dev)?.neededBytes ?? 0) + bytes;
    byDevice.set(dev, { path: byDevice.get(dev)?.path ?? path, neededBytes, freeBytes });
  }
  return [...byDevice.values()];
}

/** Throws Failure `restore_refused` when one of them has too little. Pure. */
export function checkSpace(needs: readonly SpaceNeed[]): void {
  const short = needs.find(({ neededBytes, freeBytes }) => neededBytes > freeBytes);
  if (short === undefined) return;
  const { path, neededBytes, freeBytes } = short;
  throw new Failure(
    'restore_refused',
    `the restore needs about ${formatBytes(neededBytes)} at ${path}, and ${formatBytes(freeBytes)} are free`,
    { hint: 'Make room, restore elsewhere with --to, or map tablespaces to other disks with --tablespace-map.' },
  );
}

async function nearestThere(path: string): Promise<{ dev: number; place: string }> {
  for (let place = path; ; place = dirname(place)) {
    try {
      return { dev: (await stat(place)).dev, place };
    } catch (error) {
      const code = systemErrorCode(error);
      if ((code !== 'ENOENT' && code !== 'ENOTDIR') || place === '/') throw error;
    }
  }
}
