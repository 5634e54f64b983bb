import { OwedFiles } from '@archive2/core/archive/owed-files.ts';
import { mostSettledNames, settleDebts } from '@archive2/core/hosts/ask.ts';
import type { Catalog } from '@archive2/core/protocol/catalog-text.ts';
import type { ArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { SyncRun } from './sync-run.ts';

/**
 * Drops the debts on both hosts whose copies are there now, or whose files are no longer stored where they are owed. `equal` are the
 * names that both hosts hold with the same content.
 */
export async function settleBoth(
  run: SyncRun,
  here: Catalog,
  there: Catalog,
  equal: ReadonlySet<ArchiveFileName>,
): Promise<void> {
  const { report, store, session } = run;
  const [ours, theirs] = [paid(here, equal), paid(there, equal)];
  report.debtsLeft = here.owed.size + there.owed.size;
  if (run.dryRun) return;
  let settled = ours.length === 0 ? 0 : await new OwedFiles(store.directory).settle(ours);
  for (let at = 0; at < theirs.length; at += mostSettledNames) {
    settled += await settleDebts(session, theirs.slice(at, at + mostSettledNames));
  }
  report.debtsSettled = settled;
  // What somebody else settled meanwhile is not owed either.
  report.debtsLeft -= ours.length + theirs.length;
}

function paid(catalog: Catalog, equal: ReadonlySet<ArchiveFileName>): ArchiveFileName[] {
  return [...catalog.owed].filter((name) => equal.has(name) || !catalog.stored.has(name));
}
