import { fetchCopy } from '@archive2/core/archive/fetch-copy.ts';
import { sendCopy } from '@archive2/core/archive/send-copy.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { isEmptyOrProperPrefix } from '@archive2/core/wal/timeline-history.ts';
import { readSmallHere, readSmallThere } from '../small-files.ts';
import type { SyncRun } from '../sync-run.ts';

/**
 * A history file has no checksum: where one copy is the beginning of the other, it was torn by a crash of another tool, and is
 * replaced by the whole one. True when the copies are equal now.
 */
export async function mendTornHistory(run: SyncRun, file: ArchiveFile): Promise<boolean> {
  if (file.kind !== 'history') return false;
  const { store, session, report } = run;
  const [here, there] = await Promise.all([readSmallHere(store, file), readSmallThere(session, file)]);
  if (here === undefined || there === undefined) return false;
  if (isEmptyOrProperPrefix(here, there)) {
    if (!run.dryRun) await fetchCopy(store, session, file);
    report.repairedHere.push(file.name);
  } else if (isEmptyOrProperPrefix(there, here)) {
    if (!run.dryRun) await sendCopy(store, session, file);
    report.repairedThere.push(file.name);
  } else {
    return false;
  }
  return true;
}
