import { AcceptedHoles } from '@archive2/core/archive/accepted-holes.ts';
import { recordEvent } from '@archive2/core/archive/events.ts';
import { requestCatalog } from '@archive2/core/hosts/request-catalog.ts';
import type { Catalog } from '@archive2/core/protocol/catalog-text.ts';
import type { AcceptedHole } from '@archive2/core/wal/accepted-hole.ts';
import type { ArchiveFile, ArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { checkContents } from './check/scrub.ts';
import { type Comparison, compareCatalogs } from './compare/compare-catalogs.ts';
import { fetchMissing, sendMissing } from './copy/copy-missing.ts';
import { lookForHoles } from './holes/look-for-holes.ts';
import { settleBoth } from './settle-debts.ts';
import { readSmallHere, readSmallThere } from './small-files.ts';
import type { SyncRun } from './sync-run.ts';

/**
 * Makes two archives equal and fills the run's report; `ownCatalog` is this host's. Names and sizes of both are compared first, then what one lacks is copied, then
 * contents are read. Nothing is ever removed, and only what its own host finds damaged is replaced; so it may run beside pushes,
 * payers, cleanups and a sync from the other end, and be killed at any moment: the next run goes on.
 */
export async function syncArchives(run: SyncRun, ownCatalog: Promise<Catalog>): Promise<void> {
  const { store, session, report } = run;
  const [here, there] = await Promise.all([ownCatalog, requestCatalog(session)]);
  report.filesHere = here.stored.size;
  report.filesThere = there.stored.size;
  const comparison = compareCatalogs(here, there);
  const copied = run.dryRun ? planCopies(run, here, there, comparison) : await copyBothWays(run, comparison);
  const equal = await checkContents(run, here, there, comparison);
  await settleBoth(run, here, there, new Set([...equal, ...copied]));
  report.holes = await lookForHoles(store, {
    names: chained(here.stored.keys(), comparison.onlyThere),
    backups: [...here.backups, ...there.backups],
    accepted: await acceptedByBoth(run, here, there),
    readHistory: (file) => readHistory(run, file),
    onBrokenHistory: ({ name }, { message }) => {
      const isKnown = [...report.damaged, ...report.conflicts].some((file) => file.name === name);
      if (!isKnown) report.damaged.push({ name, here: 'damaged', there: 'damaged', reason: message });
    },
  });
}

async function copyBothWays(run: SyncRun, comparison: Comparison): Promise<ArchiveFileName[]> {
  const { missingHere, missingThere } = comparison;
  return [...(await fetchMissing(run, missingHere)), ...(await sendMissing(run, missingThere))];
}

function planCopies({ report }: SyncRun, here: Catalog, there: Catalog, comparison: Comparison): ArchiveFileName[] {
  const total = (files: readonly ArchiveFile[], { stored }: Catalog) => ({
    files: files.length,
    bytes: files.reduce((sum, { name }) => sum + (stored.get(name) ?? 0), 0),
  });
  report.fetched = total(comparison.missingHere, there);
  report.sent = total(comparison.missingThere, here);
  return [];
}

/** The peer's acceptances count here, too, where the segment is missing on both: the reader of either host must hear the same. */
async function acceptedByBoth(run: SyncRun, here: Catalog, there: Catalog): Promise<AcceptedHole[]> {
  const { store, clock, session } = run;
  const news = there.acceptedHoles.filter(
    (hole) => !here.acceptedHoles.some(({ from, to }) => from === hole.from && to === hole.to),
  );
  if (news.length === 0 || run.dryRun) return [...here.acceptedHoles, ...news];
  for (const { from, to, who, why } of await new AcceptedHoles(store.directory).add(news, clock.nowMs())) {
    const event = { event: 'hole-accepted' as const, from, to, who, why, heardFrom: session.host };
    await recordEvent(store.directory, event, clock.nowMs());
  }
  return [...here.acceptedHoles, ...news];
}

async function readHistory({ store, session }: SyncRun, file: ArchiveFile): Promise<Buffer | undefined> {
  return (await readSmallHere(store, file)) ?? (await readSmallThere(session, file));
}

function* chained<T>(...parts: Iterable<T>[]): Generator<T> {
  for (const part of parts) yield* part;
}
