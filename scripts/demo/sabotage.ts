import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ArchiveStand } from '../../test/support/archive-stand.ts';
import { archivedNames } from './scene.ts';

/** Removes the newest file of arch2 behind everybody's back, and says so. */
export function removeNewestFile(archive: ArchiveStand): string {
  const newest = archivedNames(archive, archive.arch2).at(-1) ?? '';
  rmSync(join(archive.arch2.machine.path(archive.walDirectory), newest));
  return `${newest} was removed from arch2; the checks must notice.`;
}
