import type { Clock } from '../../base/clock.ts';
import { isArchiveFileName, parseArchiveFileName } from '../../wal/archive-file.ts';
import { compareLsn, type Lsn } from '../../wal/lsn.ts';
import { segmentStartLsn } from '../../wal/segment-position.ts';
import type { SegmentSize } from '../../wal/segment-size.ts';
import { askReplay, type ReplayAnswer, type ServerDoor } from './ask-replay.ts';
import { explainFailure, explainStall } from './explain-failure.ts';
import type { RecoveryStory } from './recovery-log.ts';
import { ReplayPace, type ReplayProgress } from './replay-progress.ts';
import { ServerLog } from './server-log.ts';
import type { StartedServer } from './start-server.ts';

export interface ReplayWatch {
  readonly server: StartedServer;
  readonly segmentSize: SegmentSize;
  /** Where to ask it while it recovers; undefined for one that answers nobody before its end (`hot_standby` off). */
  readonly door: ServerDoor | undefined;
  /** `standby`: the watch ends as soon as the server is consistent and answers. */
  readonly mode: 'recovery' | 'standby';
  /** Where it is going, if that is known as a position: for the remaining time. */
  readonly towards: Lsn | undefined;
  /** Without any progress for so long it is given up; undefined: never. */
  readonly stallLimitMs: number | undefined;
  readonly onProgress: (progress: ReplayProgress) => void;
  /** Ends the watch with its reason; the server is the caller's to stop. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
}

export interface ReplayEnd {
  /** `open`: the recovery is complete and the server takes connections. `paused` at its target. `shut down` there. `following`: a standby. */
  readonly how: 'open' | 'paused' | 'shut down' | 'following';
  readonly story: RecoveryStory;
  readonly replayedLsn: Lsn | undefined;
  /** Of the last commit that was replayed. */
  readonly replayedMs: number | undefined;
}

const pauseMs = 200;
const askEveryMs = 1_000;

/**
 * Follows a server from its start to the end of its recovery. Throws Failure `restore_failed` that says why, when the server ends
 * before that or does not move; the reason of `signal` when that is aborted.
 */
export async function watchReplay(watch: ReplayWatch): Promise<ReplayEnd> {
  const { server, clock, signal, door, stallLimitMs } = watch;
  const log = new ServerLog(server.logFile, server.logFromByte);
  const pace = new ReplayPace();
  let answer: ReplayAnswer | undefined;
  let askedMs = Number.NEGATIVE_INFINITY;
  let movedMs = clock.monotonicMs();
  let lastPlace = '';
  for (;;) {
    signal.throwIfAborted();
    // In this order: what it wrote before it ended is read, too.
    const ended = server.hasEnded;
    const story = await log.read();
    const nowMs = clock.monotonicMs();
    if (ended === undefined && door !== undefined && story.acceptsConnections && nowMs - askedMs >= askEveryMs) {
      answer = (await askReplay(door)) ?? answer;
      askedMs = nowMs;
    }
    const replayedLsn = latest(answer?.replayedLsn, story.redoDoneLsn, lastRestoredLsn(story, watch.segmentSize));
    const replayedMs = story.lastTransactionMs ?? answer?.replayedMs;
    const how = endOf(watch, story, answer, ended !== undefined);
    if (how === 'open' ? (await server.status()) === 'ready' : how !== undefined) {
      return { how: how ?? 'open', story, replayedLsn, replayedMs };
    }
    if (ended !== undefined) throw explainFailure(story, ended, server.logFile);
    const place = `${replayedLsn} ${story.restoredCount} ${story.redoStartLsn} ${story.redoDoneLsn} ${story.isComplete}`;
    if (place !== lastPlace) movedMs = nowMs;
    lastPlace = place;
    if (replayedLsn !== undefined) pace.add({ atMs: nowMs, lsn: replayedLsn });
    const stalledMs = nowMs - movedMs;
    if (stallLimitMs !== undefined && stalledMs >= stallLimitMs) throw explainStall(story, stalledMs, server.logFile);
    watch.onProgress({
      phase: phaseOf(story),
      isConsistent: story.consistentLsn !== undefined,
      replayedLsn,
      replayedMs,
      segments: story.restoredCount,
      bytesPerSecond: pace.bytesPerSecond(nowMs),
      remainingMs: pace.remainingMs(nowMs, watch.towards),
      stalledMs,
    });
    await clock.sleep(pauseMs, signal);
  }
}

function endOf(
  { mode }: ReplayWatch,
  story: RecoveryStory,
  answer: ReplayAnswer | undefined,
  hasEnded: boolean,
): ReplayEnd['how'] | undefined {
  if (hasEnded) return story.isShutDown ? 'shut down' : undefined;
  if (story.isComplete) return 'open';
  // Its log says so, too, for one that lets us not in.
  if ((story.isPaused || answer?.isPaused === true) && story.stoppedAt !== undefined) return 'paused';
  // It says so when it is consistent.
  if (mode === 'standby' && story.acceptsConnections) return 'following';
  return undefined;
}

function phaseOf(story: RecoveryStory): ReplayProgress['phase'] {
  if (story.isComplete) return 'open';
  return story.redoStartLsn === undefined ? 'starting' : 'replaying';
}

function latest(...places: (Lsn | undefined)[]): Lsn | undefined {
  return places
    .filter((place) => place !== undefined)
    .toSorted(compareLsn)
    .at(-1);
}

/** Where the last segment begins that restore_cmd delivered. */
function lastRestoredLsn({ lastRestored }: RecoveryStory, size: SegmentSize): Lsn | undefined {
  if (lastRestored === undefined || !isArchiveFileName(lastRestored)) return undefined;
  const file = parseArchiveFileName(lastRestored);
  return file.kind === 'segment' ? segmentStartLsn(file, size) : undefined;
}
