import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration } from '@archive2/core/cli/relative-time.ts';
import type { ServerDoor } from '@archive2/core/restore/server/ask-replay.ts';
import { type FoundCluster, inspectDatabases } from '@archive2/core/restore/server/checks/inspect-databases.ts';
import type { ReplayProgress } from '@archive2/core/restore/server/replay-progress.ts';
import { StartedServer, startServer } from '@archive2/core/restore/server/start-server.ts';
import { type ReplayEnd, watchReplay } from '@archive2/core/restore/server/watch-replay.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import { formatMoment } from '../plan/moment-text.ts';
import type { RestoreWorld } from '../restore-world.ts';
import { type RestoreNote, writeRestoreNote } from '../target/restore-note.ts';
import type { WholePlan } from '../whole-plan.ts';
import type { ChangingLine } from './changing-line.ts';
import { checkEnd } from './check-end.ts';
import { findLocked } from './find-locked.ts';
import type { ServerConfiguration } from './server-door.ts';

/** What became of a server that was started. */
export interface ServerRun {
  readonly end: ReplayEnd;
  readonly door: ServerDoor;
  readonly logFile: string;
  readonly pid: number | undefined;
  /** Undefined where the server cannot be asked, as when it has shut down at its target. */
  readonly found: FoundCluster | undefined;
  /** Tables that cannot be read while it waits at its target. */
  readonly locked: readonly string[];
}

/** In the data directory: what the server says from its start on, until it is restarted by whoever runs it later. */
const serverLogName = 'archive2-restore.log';

/**
 * Starts the server as one that outlives us, or takes up the one that an earlier call has started, and follows it to its target. Throws
 * Failure `restore_failed` with the reason when it does not get there.
 */
export async function runServer(
  whole: WholePlan,
  note: RestoreNote,
  configuration: ServerConfiguration,
  door: ServerDoor,
  world: RestoreWorld,
  line: ChangingLine,
): Promise<ServerRun> {
  const { target, plan } = whole;
  const logFile = join(target, serverLogName);
  const server = (await runningServer(target, logFile, world)) ?? (await start(whole, logFile, configuration, world));
  await writeRestoreNote(target, { ...note, state: 'started' }, world.clock.nowMs());
  const isStandby = plan.wish.isStandby;
  try {
    const end = await watchReplay({
      server,
      segmentSize: plan.identity.segmentSize,
      door,
      mode: isStandby ? 'standby' : 'recovery',
      towards: plan.wish.target.kind === 'lsn' ? plan.wish.target.lsn : plan.reach.end,
      stallLimitMs: undefined,
      onProgress: (progress) => line.show(describeReplay(progress)),
      signal: world.signal,
      clock: world.clock,
    });
    checkEnd(end, plan);
    const found = end.how === 'shut down' ? undefined : await inspectDatabases(door).catch(() => undefined);
    const locked = end.how === 'paused' ? await findLocked(door) : [];
    await writeRestoreNote(target, { ...note, state: 'done' }, world.clock.nowMs());
    return { end, door, logFile, pid: await server.pid(), found, locked };
  } finally {
    line.end();
  }
}

async function start(
  { programs, target }: WholePlan,
  logFile: string,
  { configFile }: ServerConfiguration,
  world: RestoreWorld,
): Promise<StartedServer> {
  return await startServer(
    {
      programs,
      dataDirectory: target,
      logFile,
      settings: configFile === undefined ? {} : { config_file: configFile },
      environment: world.environment,
      endsWithUs: false,
    },
    world.clock,
  );
}

const lookEveryMs = 500;

/** The server of this restore that an earlier call has started and that still runs. Its log is read from the beginning. */
async function runningServer(
  target: string,
  logFile: string,
  { clock, signal }: RestoreWorld,
): Promise<StartedServer | undefined> {
  const text = await readFile(join(target, 'postmaster.pid'), 'utf8').catch(() => '');
  const pid = Number(text.split('\n')[0]);
  if (!Number.isInteger(pid) || pid < 2 || !isAlive(pid)) return undefined;
  const ended = (async () => {
    while (isAlive(pid) && !signal.aborted) await clock.sleep(lookEveryMs, signal);
    return { status: undefined, description: 'it has gone' };
  })();
  return new StartedServer(target, logFile, 0, { ended, kill: () => undefined }, undefined, clock);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** "replayed to 0/5000060, 2026-11-21 10:07:21+00  12 segments  48 MiB/s  14 s left". Pure. */
function describeReplay(progress: ReplayProgress): string {
  const { phase, replayedLsn, replayedMs, segments, bytesPerSecond, remainingMs, stalledMs } = progress;
  if (phase === 'starting') return 'the server starts';
  const parts = [
    replayedLsn === undefined ? 'replaying' : `replayed to ${formatLsn(replayedLsn)}`,
    ...(replayedMs === undefined ? [] : [formatMoment(replayedMs)]),
    `${segments} files`,
    ...(bytesPerSecond === undefined ? [] : [`${formatBytes(bytesPerSecond)}/s`]),
    ...(remainingMs === undefined || remainingMs <= 0 ? [] : [`${formatDuration(remainingMs)} left`]),
    ...(stalledMs < 10_000 ? [] : [`nothing for ${formatDuration(stalledMs)}`]),
  ];
  return parts.join('  ');
}
