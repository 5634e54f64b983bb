import { stat } from 'node:fs/promises';
import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { SegmentName } from '@archive2/core/wal/archive-file.ts';

export interface WalWait {
  cluster: ClusterDirectory;
  /** From the start of the backup to its stop. */
  segments: readonly SegmentName[];
  /** Which of these the peer holds; undefined where there is none. Throws when it can't be asked. */
  askPeer: ((names: readonly SegmentName[]) => Promise<ReadonlySet<SegmentName>>) | undefined;
  /** Asks the server to end its segment, so that it is archived; where that can't be done it comes in its time. */
  switchWal: () => Promise<void>;
  limitMs: number;
  clock: Clock;
  log: Log;
  signal: AbortSignal;
}

/** Between two looks at the directory: the first ones come soon, as the last segment is on its way when a backup ends. */
const firstLookMs = 2;
const longestLookMs = 250;
const lookGrowth = 1.15;
const firstAskMs = 2_000;
const longestAskMs = 60_000;

/**
 * Resolves when each segment is in the archive: on this host, or, which brings it here in its time, on the peer. Throws Failure
 * `wal_missing` after the limit, and the signal's reason.
 */
export async function waitForWal(wait: WalWait): Promise<void> {
  const { clock, log, signal } = wait;
  const startMs = clock.monotonicMs();
  let askAtMs = startMs + firstAskMs;
  let pauseMs = firstAskMs;
  let lookMs = firstLookMs;
  let missing = await notHere(wait, wait.segments);
  if (missing.length > 0) {
    log.debug('waiting for WAL', { missing: missing.length, first: missing[0] });
    await wait.switchWal();
  }
  while (missing.length > 0) {
    signal.throwIfAborted();
    const nowMs = clock.monotonicMs();
    const isLast = nowMs - startMs >= wait.limitMs;
    if (nowMs >= askAtMs || isLast) {
      await wait.switchWal();
      missing = await notThere(wait, missing);
      pauseMs = Math.min(pauseMs * 2, longestAskMs);
      askAtMs = clock.monotonicMs() + pauseMs;
      if (missing.length > 0) log.info('waiting for WAL', { missing: missing.length, first: missing[0] });
    }
    if (missing.length > 0 && isLast) throw tooLate(wait, missing);
    if (missing.length > 0) await clock.sleep(lookMs, signal);
    lookMs = Math.min(lookMs * lookGrowth, longestLookMs);
    missing = await notHere(wait, missing);
  }
}

async function notHere({ cluster }: WalWait, names: readonly SegmentName[]): Promise<SegmentName[]> {
  const missing: SegmentName[] = [];
  for (const name of names) {
    try {
      await stat(cluster.walFile(name));
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      missing.push(name);
    }
  }
  return missing;
}

async function notThere({ askPeer, log }: WalWait, names: SegmentName[]): Promise<SegmentName[]> {
  if (askPeer === undefined) return names;
  try {
    const there = await askPeer(names);
    return names.filter((name) => !there.has(name));
  } catch (error) {
    log.warning('the peer cannot be asked for WAL', {
      problem: error instanceof Error ? error.message : String(error),
    });
    return names;
  }
}

function tooLate({ limitMs }: WalWait, missing: readonly SegmentName[]): Failure {
  const more = missing.length > 1 ? ` and ${missing.length - 1} more` : '';
  return new Failure(
    'wal_missing',
    `${missing[0]}${more}, which the backup needs, did not come within ${limitMs / 1000} s`,
    {
      hint: "The backup does not count. Look at the server's pg_stat_archiver, and at archive_timeout; or raise --wal-wait.",
    },
  );
}
