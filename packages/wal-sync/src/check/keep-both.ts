import { firstDifferingPage, lsnOfPage } from '@archive2/core/archive/differing-page.ts';
import { recordEvent } from '@archive2/core/archive/events.ts';
import { fetchCopy } from '@archive2/core/archive/fetch-copy.ts';
import { sendCopy } from '@archive2/core/archive/send-copy.ts';
import { rawSizeRange, StoredFile } from '@archive2/core/archive/stored-file.ts';
import { Failure, toFailure } from '@archive2/core/base/failure.ts';
import type { CopyState } from '@archive2/core/hosts/ask.ts';
import type { ArchiveFile } from '@archive2/core/wal/archive-file.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import type { SyncRun } from '../sync-run.ts';

/**
 * Two whole contents under one name: neither is touched, and each host gets the other's into its quarantine, so that a person can look
 * at both, and settle it, on either host. Always false: they are not equal.
 */
export async function keepBothContents(
  run: SyncRun,
  file: ArchiveFile,
  here: CopyState,
  there: CopyState,
): Promise<boolean> {
  const { store, session, rate, report, clock, log } = run;
  const digestHere = here.state === 'whole' ? here.rawDigest : '';
  const digestThere = there.state === 'whole' ? there.rawDigest : '';
  if (!run.dryRun && !(await store.quarantine.holds(file.name, digestThere))) {
    await expectConflict(run, fetchCopy(store, session, file, { rate }));
    const event = { event: 'conflict' as const, name: file.name, digestHere, digestThere, peer: session.host };
    await recordEvent(store.directory, event, clock.nowMs());
  }
  // The peer asks its own quarantine first: what it has is not sent again.
  if (!run.dryRun) await expectConflict(run, sendCopy(store, session, file, { rate }));
  const page = await differingPage(run, file, digestThere);
  const lsn = page === undefined ? undefined : lsnOfPage(file, page, store.identity?.segmentSize);
  log.error('conflict: two contents under one name', { name: file.name, digestHere, digestThere, page });
  report.conflicts.push({
    name: file.name,
    digestHere,
    digestThere,
    firstDifferingPage: page,
    lsn: lsn === undefined ? undefined : formatLsn(lsn),
  });
  return false;
}

/** The refusal is what is wanted. A quarantine without room keeps nothing; the conflict is reported all the same. */
async function expectConflict({ session, log }: SyncRun, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (error) {
    const failure = toFailure(error);
    if (!session.isOpen || !(failure instanceof Failure)) throw failure;
    if (failure.code === 'conflict') return;
    if (failure.code !== 'quarantine_full') throw failure;
    log.warning('other content not kept', { reason: failure.message });
  }
}

async function differingPage({ store }: SyncRun, file: ArchiveFile, digestThere: string): Promise<number | undefined> {
  const { activity } = store.options;
  const stored = await store.openStored(file.name);
  const other = await StoredFile.open(store.quarantine.path(file.name, digestThere), activity);
  try {
    if (stored === undefined || other === undefined) return undefined;
    return await firstDifferingPage(stored, other, rawSizeRange(file, store.identity?.segmentSize).maxRawSizeBytes);
  } finally {
    await stored?.close();
    await other?.close();
  }
}
