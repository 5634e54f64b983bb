import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { readClusterRecord } from '@archive2/core/archive/identity.ts';
import { WalStore } from '@archive2/core/archive/wal-store.ts';
import { readCatalog } from '@archive2/core/backups/read-catalog.ts';
import { writeSyncState } from '@archive2/core/backups/sync-state.ts';
import { Activity } from '@archive2/core/base/activity.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { RateLimit } from '@archive2/core/base/rate-limit.ts';
import { writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { allowGarbage } from '@archive2/core/codec/garbage.ts';
import { type HeldLock, tryLock } from '@archive2/core/files/lock.ts';
import type { ArchiveSession } from '@archive2/core/hosts/archive-session.ts';
import { openArchiveSession } from '@archive2/core/hosts/session-opener.ts';
import { formatReport, formatReportJson } from './format-report.ts';
import type { SyncOptions } from './options.ts';
import { Progress } from './progress.ts';
import { emptyReport, type SyncReport } from './report.ts';
import { syncArchives } from './sync-archives.ts';
import { tellFailure, tellReport } from './sync-events.ts';
import { isEqual, statusOf } from './verdict.ts';

/** The lists of both archives are alive, some hundred thousand objects. */
const garbageBytes = 32 * 2 ** 20;

/** The whole command: one run, its report on stdout, and the status that it stands for. */
export async function runSync(
  options: SyncOptions,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<number> {
  const { directory, peer, dryRun, json } = options;
  const world = { clock: systemClock, log };
  try {
    const report = await sync(options, environment, log);
    if (!dryRun) await tellReport(directory, report, world);
    await writeStdout(json ? formatReportJson(report) : formatReport(report));
    return statusOf(report);
  } catch (error) {
    if (!dryRun) await tellFailure(directory, peer.text, error, world);
    throw error;
  }
}

async function sync(
  options: SyncOptions,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<SyncReport> {
  allowGarbage(garbageBytes);
  const clock = systemClock;
  const begunMs = clock.monotonicMs();
  const { directory, dryRun, checksum, scrubDays } = options;
  const cluster = options.cluster ?? (await readClusterRecord(directory))?.cluster ?? lastPart(directory);
  // What the peer holds was let in by its own bound; here it is only copied.
  const maxAhead = Number.MAX_SAFE_INTEGER;
  const store = await WalStore.open(directory, { cluster, maxAhead, clock, log, activity: new Activity() });
  const lock = takeLock(directory);
  const report = emptyReport(options.peer.text, dryRun);
  // Read while the connection is being made, which takes as long.
  const ownCatalog = readCatalog(store, clock.nowMs());
  ownCatalog.catch(() => undefined);
  let session: ArchiveSession | undefined;
  try {
    session = await connect(options, cluster, environment, log);
    await checkPeer(store, session);
    const progress = new Progress(process.stderr.isTTY ? writeStderr : undefined, clock);
    const rate = new RateLimit(options.repairBytesPerSecond, clock);
    const run = { store, session, dryRun, checksum, scrubDays, rate, clock, log, progress, report };
    await syncArchives(run, ownCatalog);
    // A run that could not be carried out says nothing of the hosts.
    if (!dryRun) {
      const { peer } = report;
      await writeSyncState(directory, { endedMs: clock.nowMs(), peer, isEqual: isEqual(report) });
    }
  } finally {
    session?.close();
    lock.release();
  }
  report.seconds = Math.round(clock.monotonicMs() - begunMs) / 1000;
  return report;
}

/** One at a time on a host. One from the other end may run at the same time: what both copy is the same. */
function takeLock(directory: ClusterDirectory): HeldLock {
  mkdirSync(directory.stateDirectory, { recursive: true, mode: 0o700 });
  const lock = tryLock(join(directory.stateDirectory, 'lock.sync'));
  if (lock !== undefined) return lock;
  throw new Failure('busy', `another wal-sync is at work on ${directory.path}`, {
    hint: 'Wait for it; it does what this one would.',
  });
}

async function connect(
  options: SyncOptions,
  cluster: string,
  environment: Readonly<Record<string, string | undefined>>,
  log: Log,
): Promise<ArchiveSession> {
  const { directory, connectTimeoutMs, stallTimeoutMs, remoteProgram } = options;
  const agentSocket = environment['SSH_AUTH_SOCK'];
  return await openArchiveSession(options.peer, {
    connectTimeoutMs,
    stallTimeoutMs,
    ...(agentSocket === undefined ? {} : { agentSocket }),
    serve: { program: remoteProgram, clusterDirectory: directory.path, cluster, allow: ['sync'] },
    session: { cluster, walDirectory: directory.walDirectory, program: programVersion, clock: systemClock, log },
  });
}

/** Throws Failure unless the other side is another directory of the same cluster that lets us do this. */
async function checkPeer(store: WalStore, { host, hello }: ArchiveSession): Promise<void> {
  if (hello.storeId !== undefined && hello.storeId === (await store.storeId())) {
    throw new Failure('usage', `${host} is this very directory`, { hint: 'Name the other archive host.' });
  }
  if (!hello.rights.includes('sync')) {
    throw new Failure('not_allowed', `${host} gives this host the rights ${hello.rights.join(',')}, not sync`, {
      hint: `Add sync to --allow in this host's authorized_keys line on ${host}.`,
    });
  }
  store.checkSystemIdentifier(hello.systemIdentifier, host);
}

function lastPart({ path }: ClusterDirectory): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
