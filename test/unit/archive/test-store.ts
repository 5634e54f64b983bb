import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { ClusterDirectory } from '../../../packages/core/src/archive/cluster-directory.ts';
import { IncomingFile, type StoreOutcome } from '../../../packages/core/src/archive/incoming-file.ts';
import { WalStore, type WalStoreOptions } from '../../../packages/core/src/archive/wal-store.ts';
import { Activity } from '../../../packages/core/src/base/activity.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { silentLog } from '../../../packages/core/src/base/log.ts';
import type { StoredForm } from './wal-segment.ts';

/** A cluster directory as init makes it, gone when the test has ended. */
export function clusterDirectory(): ClusterDirectory {
  const parent = mkdtempSync(join(tmpdir(), 'archive2-store-'));
  onTestFinished(() => rmSync(parent, { recursive: true, force: true }));
  const directory = new ClusterDirectory(join(parent, 'main'));
  mkdirSync(directory.walDirectory, { recursive: true, mode: 0o700 });
  return directory;
}

export function openStore(
  directory: ClusterDirectory = clusterDirectory(),
  options: Partial<WalStoreOptions> = {},
): Promise<WalStore> {
  const defaults = { cluster: 'main', maxAhead: 65_536, clock: systemClock, log: silentLog };
  return WalStore.open(directory, { ...defaults, activity: new Activity(), ...options });
}

/** Takes a file in as a session does: in pieces, checked, durable, then published. */
export async function store(
  into: WalStore,
  form: StoredForm,
  { modifiedMs = 1_700_000_000_000, pieceBytes = 100_000, summary = form.summary } = {},
): Promise<StoreOutcome> {
  const incoming = await IncomingFile.begin(into, form.file, modifiedMs);
  try {
    for (let at = 0; at < form.stored.length; at += pieceBytes) {
      await incoming.append(form.stored.subarray(at, at + pieceBytes));
    }
    incoming.complete(summary);
    await incoming.makeDurable();
    return await incoming.publish();
  } finally {
    await incoming.discard();
  }
}
