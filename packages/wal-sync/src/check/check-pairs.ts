import { recordEvent } from '@archive2/core/archive/events.ts';
import { fetchCopy } from '@archive2/core/archive/fetch-copy.ts';
import { lookAtCopy } from '@archive2/core/archive/look-at-copy.ts';
import { sendCopy } from '@archive2/core/archive/send-copy.ts';
import { workBounded } from '@archive2/core/base/bounded-work.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { type CopyState, digestCopy } from '@archive2/core/hosts/ask.ts';
import { type ArchiveFile, type ArchiveFileName, parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { endsTheRun } from '../copy/grave-failures.ts';
import type { SyncRun } from '../sync-run.ts';
import { judgePair } from './judge-pair.ts';
import { keepBothContents } from './keep-both.ts';
import { mendTornHistory } from './torn-history.ts';

/** Pairs at once: each side reads and decodes two or three segments meanwhile, and no more lie in memory. */
const width = 3;

/**
 * Has each host read its own copy of these names and compares the digests; replaces what is damaged by what is whole, and keeps both
 * of what differs. What was found goes to the report. Returns the names whose copies are equal now.
 */
export async function checkPairs(run: SyncRun, names: readonly ArchiveFileName[]): Promise<ArchiveFileName[]> {
  const equal: ArchiveFileName[] = [];
  await workBounded(names, width, async (name) => {
    const file = parseArchiveFileName(name);
    try {
      if (await checkPair(run, file)) equal.push(name);
    } catch (error) {
      const failure = toFailure(error);
      if (!run.session.isOpen || endsTheRun(failure)) throw failure;
      run.log.warning('file not settled', { name, code: failure.code, reason: failure.message });
      run.report.failed.push({ name, code: failure.code, message: failure.message });
    }
    run.progress.say(() => `compared ${run.report.compared} files`);
  });
  return equal;
}

/** True when both copies are whole and equal now. */
async function checkPair(run: SyncRun, file: ArchiveFile): Promise<boolean> {
  const { report, store, session } = run;
  const [here, there] = await Promise.all([lookAtCopy(store, file), digestCopy(session, file.name)]);
  report.compared += 1;
  switch (judgePair(here, there)) {
    case 'equal':
      return true;
    case 'gone':
      return false;
    case 'repair-here':
      return await repairHere(run, file, here);
    case 'repair-there':
      return await repairThere(run, file, there);
    case 'conflict':
      return (await mendTornHistory(run, file)) || (await keepBothContents(run, file, here, there));
    case 'lost':
    case 'unknown':
      noteLost(run, file, here, there);
      return false;
  }
}

/** By the same checks as a push: this host reads its damaged copy again before it is set aside. */
async function repairHere(run: SyncRun, file: ArchiveFile, here: CopyState): Promise<boolean> {
  const { store, session, rate, report } = run;
  run.log.error('stored file is damaged', { name: file.name, reason: reasonOf(here) });
  if (!run.dryRun) {
    const { outcome } = await fetchCopy(store, session, file, { rate });
    if (outcome === 'absent') return false;
    await noteRepair(run, file, 'here', here);
  }
  report.repairedHere.push(file.name);
  return !run.dryRun;
}

/** The peer reads its copy by itself when it is asked by digest, and replaces it only if its own reading fails, too. */
async function repairThere(run: SyncRun, file: ArchiveFile, there: CopyState): Promise<boolean> {
  const { store, session, rate, report } = run;
  run.log.error("the peer's file is damaged", { name: file.name, reason: reasonOf(there) });
  if (!run.dryRun) {
    const { outcome } = await sendCopy(store, session, file, { rate });
    if (outcome === 'absent') return false;
    await noteRepair(run, file, 'there', there);
  }
  report.repairedThere.push(file.name);
  return !run.dryRun;
}

async function noteRepair({ store, clock, session }: SyncRun, file: ArchiveFile, where: string, copy: CopyState) {
  const event = { event: 'repaired' as const, name: file.name, where, peer: session.host, reason: reasonOf(copy) };
  await recordEvent(store.directory, event, clock.nowMs());
}

function noteLost({ report, log }: SyncRun, file: ArchiveFile, here: CopyState, there: CopyState): void {
  const reason = reasonOf(here.state === 'whole' ? there : here);
  log.error('no whole copy to repair from', { name: file.name, here: here.state, there: there.state, reason });
  report.damaged.push({ name: file.name, here: here.state, there: there.state, reason });
}

function reasonOf(copy: CopyState): string {
  return 'reason' in copy ? copy.reason : '';
}
