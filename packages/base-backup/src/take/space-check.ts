import type { StoredBackup } from '@archive2/core/backups/read-backup.ts';
import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { FreeSpace } from '@archive2/core/files/free-space.ts';

/** What must stay free on the file system: a share of it, or so many bytes. */
export type Watermark = { share: number } | { bytes: number };

export function watermarkBytes(watermark: Watermark, { totalBytes }: Pick<FreeSpace, 'totalBytes'>): number {
  return 'share' in watermark ? Math.ceil(watermark.share * totalBytes) : watermark.bytes;
}

/** More than the last one by so much is expected of a backup. */
const growth = 1.1;

/**
 * What a backup of a cluster with `sourceBytes` will take: by how well the last complete one was compressed, or without one all of
 * it. Pure.
 */
export function expectedBytes(sourceBytes: number, backups: readonly StoredBackup[]): number {
  const last = backups
    .filter(({ state, record }) => state === 'complete' && (record?.sourceBytes ?? 0) > 0)
    .toSorted((a, b) => b.startedMs - a.startedMs)[0]?.record;
  if (last?.sourceBytes === undefined) return sourceBytes;
  return Math.min(sourceBytes, Math.round(sourceBytes * (last.sizeBytes / last.sourceBytes) * growth));
}

/** Throws Failure `disk_full` unless `neededBytes` more leave the watermark free. Pure. */
export function checkSpace(path: string, space: FreeSpace, neededBytes: number, watermark: Watermark): void {
  const reserved = watermarkBytes(watermark, space);
  if (space.freeBytes - neededBytes >= reserved) return;
  const needed = neededBytes > 0 ? `, the backup needs about ${formatBytes(neededBytes)}` : '';
  throw new Failure(
    'disk_full',
    `${formatBytes(space.freeBytes)} are free at ${path}${needed}, and ${formatBytes(reserved)} must stay free`,
    { hint: 'Free space, keep fewer backups, or lower --min-free.' },
  );
}
