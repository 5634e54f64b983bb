import type { ClusterDirectory } from '@archive2/core/archive/cluster-directory.ts';
import { knownFacts, tellEvent } from '@archive2/core/archive/events.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { NewEvent } from '@archive2/core/files/event-text.ts';
import type { Hole } from '@archive2/core/wal/holes.ts';
import type { SyncReport } from './report.ts';
import { isEqual, statusOf } from './verdict.ts';

interface World {
  clock: Clock;
  log: Log;
}

/** Tells what a run came to, and each hole and each lost copy once: the next runs find them again. */
export async function tellReport(directory: ClusterDirectory, report: SyncReport, world: World): Promise<void> {
  const holes = await knownFacts(directory, ['hole-found', 'hole-filled'], 'range').catch(() => new Map());
  for (const event of holeEvents(report.holes, holes)) await tellEvent(directory, event, world);
  const copies = await knownFacts(directory, ['copy-damaged', 'repaired'], 'name').catch(() => new Map());
  for (const { name, here, there, reason } of report.damaged) {
    if (copies.get(name) === 'copy-damaged') continue;
    const facts = { name, here, there, reason, peer: report.peer, foundBy: 'wal-sync' };
    await tellEvent(directory, { event: 'copy-damaged', ...facts }, world);
  }
  await tellEvent(directory, runEvent(report), world);
}

/** A run that could not be. Another one that is at work does the same. */
export async function tellFailure(
  directory: ClusterDirectory,
  peer: string,
  error: unknown,
  world: World,
): Promise<void> {
  const { code, message } = toFailure(error);
  if (code !== 'busy') await tellEvent(directory, { event: 'sync-failed', peer, code, reason: message }, world);
}

/** What is new of the holes; `told` has the last word on each of them so far. Pure. */
export function holeEvents(holes: readonly Hole[], told: ReadonlyMap<unknown, string>): NewEvent[] {
  const rangeOf = ({ from, to }: Hole) => `${from}-${to}`;
  const ranges = new Set<unknown>(holes.map(rangeOf));
  const found = holes.filter((hole) => hole.accepted === undefined && told.get(rangeOf(hole)) !== 'hole-found');
  const filled = [...told].filter(([range, event]) => event === 'hole-found' && !ranges.has(range));
  return [
    ...found.map((hole) => {
      const { from, to, count } = hole;
      return { event: 'hole-found' as const, range: rangeOf(hole), from, to, count };
    }),
    ...filled.map(([range]) => ({ event: 'hole-filled' as const, range: String(range) })),
  ];
}

function runEvent(report: SyncReport): NewEvent {
  return {
    event: 'sync',
    severity: statusOf(report) === 0 ? 'info' : 'warning',
    peer: report.peer,
    equal: isEqual(report),
    fetched: report.fetched.files,
    sent: report.sent.files,
    repaired: report.repairedHere.length + report.repairedThere.length,
    compared: report.compared,
    damaged: report.damaged.length,
    conflicts: report.conflicts.length,
    failed: report.failed.length,
    holes: report.holes.filter(({ accepted }) => accepted === undefined).length,
    debtsLeft: report.debtsLeft,
    forSeconds: Math.round(report.seconds),
  };
}
