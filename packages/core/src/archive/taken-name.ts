import { mkdir, readFile } from 'node:fs/promises';
import { Failure } from '../base/failure.ts';
import { type HeldLock, tryLock } from '../files/lock.ts';
import type { PartFile } from '../files/part-file.ts';
import type { ArchiveFile } from '../wal/archive-file.ts';
import { isEmptyOrProperPrefix } from '../wal/timeline-history.ts';
import { firstDifferingPage } from './differing-page.ts';
import { digestStored, rawSizeRange, StoredFile } from './stored-file.ts';
import type { WalStore } from './wal-store.ts';

/**
 * A newcomer found its name taken. Same content: the stored file is made durable. A damaged stored file is set aside and
 * the newcomer takes its place ('replaced'; the caller fsyncs the directory). Otherwise two contents claim one name: the
 * newcomer goes to the quarantine and Failure `conflict` is thrown; the stored file is not touched.
 */
export async function resolveTakenName(
  store: WalStore,
  file: ArchiveFile,
  part: PartFile,
): Promise<'same' | 'replaced'> {
  // One at a time: two newcomers that both found the stored file damaged would replace each other.
  const lock = await waitForLock(store);
  try {
    return await resolveAlone(store, file, part);
  } finally {
    lock.release();
  }
}

/** Names are rarely taken, and then for good: whoever holds the lock reads two files. */
const lockPatienceMs = 30_000;
const lockRetryMs = 20;

async function waitForLock(store: WalStore): Promise<HeldLock> {
  const { clock } = store.options;
  await mkdir(store.directory.stateDirectory, { recursive: true, mode: 0o700 });
  const giveUpMs = clock.monotonicMs() + lockPatienceMs;
  for (;;) {
    const lock = tryLock(store.directory.takenNameLock);
    if (lock !== undefined) return lock;
    if (clock.monotonicMs() > giveUpMs) throw new Failure('busy', 'another session compares files for too long');
    store.options.activity.note();
    await clock.sleep(lockRetryMs);
  }
}

async function resolveAlone(store: WalStore, file: ArchiveFile, part: PartFile): Promise<'same' | 'replaced'> {
  const newcomer = await openOrThrow(store, part.path);
  try {
    const { rawDigest } = await digestStored(newcomer, file, store.identity?.segmentSize);
    const answer = await store.compareDigest(file, rawDigest);
    if (answer === 'same') return 'same';
    if (answer === 'absent') throw new Failure('busy', `${file.name} was removed while it was compared`);
    if (answer === 'damaged' || (await isTornHistory(store, file, part))) {
      await replaceDamaged(store, file, part);
      return 'replaced';
    }
    throw await conflict(store, file, part, rawDigest);
  } finally {
    await newcomer.close();
  }
}

async function conflict(store: WalStore, file: ArchiveFile, part: PartFile, rawDigest: string): Promise<Failure> {
  const page = await differingPage(store, file, part);
  let quarantined = true;
  if (!(await store.quarantine.holds(file.name, rawDigest))) {
    await store.quarantine.checkRoom();
    await store.quarantine.keep(file.name, rawDigest, (path) => part.linkTo(path));
  } else {
    quarantined = false;
  }
  if (quarantined) {
    store.events.note({ event: 'conflict', name: file.name, newcomerDigest: rawDigest, firstDifferingPage: page });
  }
  store.options.log.error('conflict: other content under a stored name', {
    name: file.name,
    newcomerDigest: rawDigest,
    firstDifferingPage: page,
    quarantined,
  });
  return conflictFailure(store, file, rawDigest, page);
}

/** The refusal of other content under a stored name; it tells the sender its own digest and the first differing page. */
export function conflictFailure(
  store: WalStore,
  file: ArchiveFile,
  rawDigest: string,
  page: number | undefined,
): Failure {
  const command = `archive_remote_cmd conflict show ${file.name} --dir ${store.directory.path} --cluster ${store.options.cluster}`;
  return new Failure('conflict', `the archive holds other content under ${file.name}`, {
    hint:
      'Two servers archive to the same place, or a restored copy archives into the original archive. On the archive ' +
      `host, "${command}" shows both.`,
    details: { digest: rawDigest, ...(page === undefined ? {} : { firstDifferingPage: page }) },
  });
}

async function differingPage(store: WalStore, file: ArchiveFile, part: PartFile): Promise<number | undefined> {
  const stored = await openOrThrow(store, store.directory.walFile(file.name));
  const newcomer = await openOrThrow(store, part.path);
  try {
    return await firstDifferingPage(stored, newcomer, rawSizeRange(file, store.identity?.segmentSize).maxRawSizeBytes);
  } finally {
    await stored.close();
    await newcomer.close();
  }
}

/** A history file that is empty or ends early was torn by a crash of another tool; it is never a second truth. */
async function isTornHistory(store: WalStore, file: ArchiveFile, part: PartFile): Promise<boolean> {
  if (file.kind !== 'history') return false;
  return isEmptyOrProperPrefix(await readFile(store.directory.walFile(file.name)), await readFile(part.path));
}

async function replaceDamaged(store: WalStore, file: ArchiveFile, part: PartFile): Promise<void> {
  await store.quarantine.checkRoom();
  const damaged = await openOrThrow(store, store.directory.walFile(file.name));
  try {
    const kept = await store.quarantine.keepDamaged(file.name, damaged);
    await part.replace(file.name);
    store.events.note({ event: 'repaired', name: file.name, kept });
    store.options.log.warning('damaged file replaced by a good one', { name: file.name, kept });
  } finally {
    await damaged.close();
  }
}

async function openOrThrow(store: WalStore, path: string): Promise<StoredFile> {
  const stored = await StoredFile.open(path, store.options.activity);
  if (stored === undefined) throw new Failure('busy', `${path} vanished while it was compared`);
  return stored;
}
