import { fetchCopy } from '@archive2/core/archive/fetch-copy.ts';
import { sendCopy } from '@archive2/core/archive/send-copy.ts';
import { workBounded } from '@archive2/core/base/bounded-work.ts';
import { type Failure, toFailure } from '@archive2/core/base/failure.ts';
import { toDiskFailure } from '@archive2/core/files/disk-error.ts';
import type { ArchiveFile, ArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import type { SyncRun } from '../sync-run.ts';
import { endsTheRun } from './grave-failures.ts';

/** Files in flight over the one session. */
const width = 4;

/** The names that both hosts hold after a copy, with the same content. */
export type CopiedNames = ArchiveFileName[];

/**
 * Fetches what this host lacks, publishing it in the order of `files`. A file that cannot be had is noted in the report and keeps
 * nobody waiting. Throws a Failure that every further file would meet as well.
 */
export async function fetchMissing(run: SyncRun, files: readonly ArchiveFile[]): Promise<CopiedNames> {
  const { store, session, rate, report, log } = run;
  const copied: CopiedNames = [];
  let before: Promise<unknown> = Promise.resolve();
  await workBounded(files, width, async (file) => {
    const turn = before;
    const work = async (): Promise<void> => {
      // A live push, or the peer's own payer, may have been faster.
      if (await store.has(file.name)) return;
      const { outcome, sizeBytes } = await fetchCopy(store, session, file, { turn, rate });
      if (outcome === 'absent') return;
      copied.push(file.name);
      if (outcome === 'new') add(report.fetched, sizeBytes);
      log.debug('fetched', { name: file.name, outcome });
    };
    const mine = work();
    before = Promise.allSettled([turn, mine]);
    await noting(run, file, mine, 'there');
    run.progress.say(() => `fetched ${report.fetched.files} of ${files.length} files`);
  });
  return copied;
}

/** Sends what the peer lacks; it publishes them in their order. As `fetchMissing` otherwise. */
export async function sendMissing(run: SyncRun, files: readonly ArchiveFile[]): Promise<CopiedNames> {
  const { store, session, rate, report, log } = run;
  const copied: CopiedNames = [];
  const again: ArchiveFile[] = [];
  const send = async (file: ArchiveFile): Promise<void> => {
    const { outcome, sizeBytes } = await sendCopy(store, session, file, { rate, isMissing: true });
    if (outcome === 'absent') return;
    copied.push(file.name);
    if (outcome === 'new') add(report.sent, sizeBytes);
    log.debug('sent', { name: file.name, outcome });
  };
  await workBounded(files, width, async (file) => {
    try {
      await send(file);
    } catch (error) {
      // It came after one that failed and was beside it under way: alone it will do.
      if (toFailure(error).code === 'predecessor_failed') again.push(file);
      else await noting(run, file, Promise.reject(error), 'here');
    }
    run.progress.say(() => `sent ${report.sent.files} of ${files.length} files`);
  });
  for (const file of again) await noting(run, file, send(file), 'here');
  return copied;
}

/** Awaits the work on one file and notes its failure. `source` is the host whose copy was read. */
async function noting(run: SyncRun, file: ArchiveFile, work: Promise<void>, source: 'here' | 'there'): Promise<void> {
  try {
    await work;
  } catch (error) {
    const failure = toFailure(toDiskFailure(error, `copying ${file.name}`));
    if (!run.session.isOpen || endsTheRun(failure)) throw failure;
    noteFailure(run, file, failure, source);
  }
}

function noteFailure({ report, log }: SyncRun, file: ArchiveFile, failure: Failure, source: 'here' | 'there'): void {
  const { code, message } = failure;
  log.warning('file not copied', { name: file.name, code, reason: message });
  if (code === 'damaged') {
    const [here, there] = source === 'here' ? (['damaged', 'absent'] as const) : (['absent', 'damaged'] as const);
    report.damaged.push({ name: file.name, here, there, reason: message });
  } else {
    report.failed.push({ name: file.name, code, message });
  }
}

function add(transfer: { files: number; bytes: number }, sizeBytes: number): void {
  transfer.files += 1;
  transfer.bytes += sizeBytes;
}
