import * as fc from 'fast-check';
import type { HostSurvey, SurveyedBackup, WalRun } from '../../../packages/core/src/backups/host-survey.ts';
import type { SurveyedHost } from '../../../packages/core/src/backups/joined-wal.ts';
import { parseArchiveFileName, type SegmentName } from '../../../packages/core/src/wal/archive-file.ts';
import { formatLsn, type Lsn, lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { parseTimelineHistory } from '../../../packages/core/src/wal/timeline-history.ts';
import { type TimelineId, timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { identity } from './backup-files.ts';
import { historyText, size, type World, worldsWithin } from './wal-world.ts';

/** What two hosts hold of a world: timelines with their WAL, some of it lost on one host or on both, and base backups. */
export interface HeldWorld {
  world: World;
  /** "arch1 000000010000000000000003" */
  held: Set<string>;
  backups: HeldBackup[];
}

export interface HeldBackup {
  name: string;
  host: string;
  timeline: number;
  /** Positions in bytes. */
  start: number;
  stop: number;
  bringsWal: boolean;
}

export const hostNames = ['arch1', 'arch2'] as const;
const beganMs = Date.UTC(2026, 10, 1);

/** When a segment was finished: a minute each, on every timeline. */
export function finishedMs(timeline: number, segment: number): number {
  return beganMs + timeline * 1000 + segment * 60_000;
}

/** Small, so that losses meet what is needed. */
export const anyHeldWorld: fc.Arbitrary<HeldWorld> = fc
  .record({
    world: worldsWithin({ first: 12, children: 4, length: 8, starts: 5 }),
    // Which segment, counted over all, on whom, and how many in a row.
    losses: fc.array(fc.tuple(fc.nat(200), fc.integer({ min: 0, max: 3 }), fc.integer({ min: 1, max: 3 })), {
      maxLength: 6,
    }),
    lengths: fc.array(fc.integer({ min: 0, max: 2_500_000 }), { minLength: 8, maxLength: 8 }),
    own: fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
  })
  .map(({ world, losses, lengths, own }) => {
    const names = segmentsOf(world);
    const held = new Set(names.flatMap((name) => hostNames.map((host) => `${host} ${name}`)));
    for (const [index, who, count] of losses) {
      const lost = names.slice(index % names.length).slice(0, count);
      for (const name of lost) {
        for (const [at, host] of hostNames.entries())
          if (who === 3 || who === 2 || who === at) held.delete(`${host} ${name}`);
      }
    }
    const backups = world.starts.map(({ timeline, position, host }, index): HeldBackup => {
      const { end } = world.timelines.find(({ id }) => id === timeline)!;
      const stop = Math.max(position + 100, Math.min(position + lengths[index]!, end));
      return { name: `data.master.${index + 1}`, host, timeline, start: position, stop, bringsWal: own[index]! };
    });
    return { world, held, backups };
  });

/** Every full segment that was ever archived. */
function segmentsOf(world: World): string[] {
  return world.timelines.flatMap(({ id, begin, end }) => {
    const [first, last] = [Math.floor(begin / size), Math.floor(end / size)];
    return Array.from({ length: Math.max(0, last - first) }, (_, index) => nameOf(first + index, id));
  });
}

/** What the hosts say of themselves. */
export function surveysOf({ world, held, backups }: HeldWorld): SurveyedHost[] {
  return hostNames.map((name) => ({
    name,
    survey: {
      ...emptySurvey(name),
      descents: world.timelines
        .filter(({ parent }) => parent > 0)
        .map(({ id }) => {
          const timeline = timelineFromNumber(id)!;
          return { timeline, ancestors: parseTimelineHistory(Buffer.from(historyText(world, id)), timeline) };
        }),
      wal: runsOf(segmentsOf(world).filter((segment) => held.has(`${name} ${segment}`))),
      backups: backups.filter(({ host }) => host === name).map(surveyedBackup),
    },
  }));
}

export function emptySurvey(host: string): HostSurvey {
  return {
    host,
    nowMs: beganMs,
    program: '1.0-test',
    storeId: undefined,
    cluster: 'main',
    identity,
    backups: [],
    wal: [],
    descents: [],
    accepted: [],
    debts: { count: 0, oldestMs: undefined },
    disk: { freeBytes: 1, totalBytes: 2, freeInodes: 1 },
    quarantined: 0,
    pins: [],
    lastCleanupMs: undefined,
    lastSync: undefined,
    problems: [],
  };
}

/** Names in runs, by timeline and position, as a host tells them. */
export function runsOf(names: readonly string[]): WalRun[] {
  const runs: { timeline: TimelineId; numbers: number[] }[] = [];
  for (const name of names.toSorted()) {
    const { timeline, number } = numberOf(name);
    const run = runs.at(-1);
    if (run?.timeline === timeline && run.numbers.at(-1) === number - 1) run.numbers.push(number);
    else runs.push({ timeline, numbers: [number] });
  }
  return runs.map(({ timeline, numbers }) => {
    const [first, last] = [numbers[0]!, numbers.at(-1)!];
    return {
      timeline,
      from: nameOf(first, timeline) as SegmentName,
      to: nameOf(last, timeline) as SegmentName,
      count: numbers.length,
      fromMs: finishedMs(timeline, first),
      toMs: finishedMs(timeline, last),
    };
  });
}

function numberOf(name: string): { timeline: TimelineId; number: number } {
  const file = parseArchiveFileName(name);
  if (file.kind !== 'segment') throw new Error(name);
  return { timeline: file.timeline, number: file.log * 4096 + file.seg };
}

function lsnOf(position: number): Lsn {
  return lsnFromBytes(BigInt(position));
}

export function surveyedBackup({ name, timeline, start, stop, bringsWal }: HeldBackup): SurveyedBackup {
  const endedMs = finishedMs(timeline, Math.floor((stop - 1) / size));
  return {
    name,
    number: Number(name.slice('data.master.'.length)),
    state: 'complete',
    problem: undefined,
    start: { timeline: timelineFromNumber(timeline)!, lsn: lsnOf(start) },
    stop: { timeline: timelineFromNumber(timeline)!, lsn: lsnOf(stop) },
    startedMs: endedMs - 1000,
    endedMs,
    sizeBytes: 1,
    sourceBytes: 1,
    fileCount: 1,
    serverVersion: 150004,
    manifestSha256: undefined,
    parent: undefined,
    files: bringsWal ? [{ name: 'pg_wal.tar.zst', sizeBytes: 1 }] : [],
  };
}

/** A history file's text: where each ancestor was left, in bytes. */
export function historyLines(lefts: readonly (readonly [timeline: number, position: number])[]): string {
  return lefts.map(([timeline, position]) => `${timeline}\t${formatLsn(lsnOf(position))}\tx\n`).join('');
}
