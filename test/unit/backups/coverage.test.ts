import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Coverage, type CoverageWindow, coverageOf } from '../../../packages/core/src/backups/coverage.ts';
import type { HostSurvey, SurveyedBackup } from '../../../packages/core/src/backups/host-survey.ts';
import type { SurveyedHost } from '../../../packages/core/src/backups/joined-wal.ts';
import { JoinedWal } from '../../../packages/core/src/backups/joined-wal.ts';
import { targetTimeline, wayTo } from '../../../packages/core/src/backups/way-to.ts';
import { parseAcceptedHole } from '../../../packages/core/src/wal/accepted-hole.ts';
import { lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { parseTimelineHistory } from '../../../packages/core/src/wal/timeline-history.ts';
import type { TimelineId } from '../../../packages/core/src/wal/timeline-id.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { segments } from './backup-files.ts';
import {
  anyHeldWorld,
  emptySurvey,
  finishedMs,
  type HeldBackup,
  type HeldWorld,
  historyLines,
  hostNames,
  runsOf,
  surveyedBackup,
  surveysOf,
} from './coverage-world.ts';
import { size } from './wal-world.ts';

const tl = (timeline: number) => timeline as TimelineId;

/** In the middle of a segment. */
const within = (segment: number) => segment * size + size / 2;

function backup(
  name: string,
  start: number,
  stop: number,
  more: Partial<SurveyedBackup> = {},
  timeline = 1,
): SurveyedBackup {
  const held: HeldBackup = { name, host: '', timeline, start: within(start), stop: within(stop), bringsWal: false };
  return { ...surveyedBackup(held), ...more };
}

function host(name: string, wal: readonly string[], more: Partial<HostSurvey> = {}): SurveyedHost {
  return { name, survey: { ...emptySurvey(name), wal: runsOf(wal), ...more } };
}

function history(timeline: number, ...lefts: [timeline: number, position: number][]) {
  const ancestors = parseTimelineHistory(Buffer.from(historyLines(lefts)), tl(timeline));
  return { timeline: tl(timeline), ancestors };
}

const ownWal = { files: [{ name: 'pg_wal.tar.zst', sizeBytes: 1 }] };

/** "tl1 3-9, tl2 10-12", the hosts left out. */
function waysOf({ ranges }: Coverage): string[] {
  return ranges.map(({ reach }) => {
    const spans = new Map<number, [number, number]>();
    for (const { timeline, first, last } of reach.pieces)
      spans.set(timeline, [spans.get(timeline)?.[0] ?? first, last]);
    return [...spans].map(([timeline, [first, last]]) => `tl${timeline} ${first}-${last}`).join(', ');
  });
}

const minutes = ({ windows }: Coverage) => windows.map(({ fromMs, toMs }) => [fromMs, toMs]);

describe('what can be restored', () => {
  test('is all from the end of a backup to the newest segment', () => {
    const coverage = coverageOf([host('arch1', segments(1, 20), { backups: [backup('data.master.1', 5, 6)] })], []);
    expect(minutes(coverage)).toEqual([[finishedMs(1, 6), finishedMs(1, 20)]]);
    expect(coverage.totalMs).toBe(14 * 60_000);
    expect(coverage.ranges[0]?.reach).toMatchObject({ last: nameOf(20), missing: undefined });
    expect(coverage.backups).toMatchObject([{ name: 'data.master.1', hosts: ['arch1'], problem: undefined }]);
  });

  test('ends at a hole and begins anew with the next backup', () => {
    const wal = [...segments(1, 9), ...segments(12, 20)];
    const backups = [backup('data.master.1', 2, 3), backup('data.master.2', 14, 15)];
    const coverage = coverageOf([host('arch1', wal, { backups })], []);
    expect(minutes(coverage)).toEqual([
      [finishedMs(1, 3), finishedMs(1, 9)],
      [finishedMs(1, 15), finishedMs(1, 20)],
    ]);
    expect(coverage.ranges[0]?.reach.missing).toMatchObject({
      from: nameOf(10),
      to: nameOf(11),
      count: 2,
      accepted: undefined,
      afterMs: finishedMs(1, 9),
      beforeMs: finishedMs(1, 12),
    });
    expect(coverage.holes).toMatchObject([{ from: nameOf(10), to: nameOf(11), count: 2 }]);
  });

  test('ends at an accepted hole, too: WAL is not replayed over it', () => {
    const accepted = [
      parseAcceptedHole({ from: nameOf(10), to: nameOf(10), why: 'lost', who: 'ann', at: '2026-11-01T00:00:00Z' }),
    ];
    const wal = [...segments(1, 9), ...segments(11, 20)];
    const coverage = coverageOf([host('arch1', wal, { backups: [backup('data.master.1', 2, 3)], accepted })], []);
    expect(minutes(coverage)).toEqual([[finishedMs(1, 3), finishedMs(1, 9)]]);
    expect(coverage.ranges[0]?.reach.missing?.accepted).toMatchObject({ who: 'ann' });
    expect(coverage.holes).toMatchObject([{ accepted: { who: 'ann' } }]);
  });

  test('is joined over two hosts with different holes, and says who has what', () => {
    const first = host('arch1', [...segments(1, 9), ...segments(13, 20)], { backups: [backup('data.master.1', 2, 3)] });
    const second = host('arch2', [...segments(5, 14), ...segments(21, 22)]);
    const coverage = coverageOf([first, second], []);
    expect(minutes(coverage)).toEqual([[finishedMs(1, 3), finishedMs(1, 22)]]);
    expect(coverage.ranges[0]?.reach.pieces).toEqual([
      { timeline: 1, first: 2, last: 4, hosts: ['arch1'] },
      { timeline: 1, first: 5, last: 9, hosts: ['arch1', 'arch2'] },
      { timeline: 1, first: 10, last: 12, hosts: ['arch2'] },
      { timeline: 1, first: 13, last: 14, hosts: ['arch1', 'arch2'] },
      { timeline: 1, first: 15, last: 20, hosts: ['arch1'] },
      { timeline: 1, first: 21, last: 22, hosts: ['arch2'] },
    ]);
    expect(coverage.holes).toEqual([]);
  });

  test('is nothing from a backup that is not complete, or cannot be read', () => {
    const backups = [
      backup('data.master.1', 2, 3, { state: 'unfinished' }),
      backup('data.master.2', 2, 3, { state: 'partial' }),
      backup('data.master.3', 2, 3, { problem: 'it is another cluster’s' }),
      backup('data.master.4', 2, 3, { start: undefined }),
      backup('data.master.5', 2, 3, { parent: 'data.master.1' }),
    ];
    const coverage = coverageOf([host('arch1', segments(1, 20), { backups })], []);
    expect(coverage.windows).toEqual([]);
    expect(coverage.backups.map(({ name, problem }) => [name, problem?.slice(0, 17)])).toEqual([
      ['data.master.3', 'it is another clu'],
      ['data.master.4', 'it is not known w'],
      ['data.master.5', 'it is incremental'],
    ]);
  });

  test('is nothing from a backup whose own WAL is on no host, unless it brings it', () => {
    const wal = segments(4, 20);
    const without = coverageOf([host('arch1', wal, { backups: [backup('data.master.1', 2, 4)] })], []);
    expect(without.windows).toEqual([]);
    expect(without.backups).toMatchObject([{ problem: 'the WAL that makes it consistent is on no host' }]);
    const bringing = coverageOf([host('arch1', wal, { backups: [backup('data.master.1', 2, 4, ownWal)] })], []);
    expect(minutes(bringing)).toEqual([[finishedMs(1, 4), finishedMs(1, 20)]]);
  });

  test('is the moment of its end from a backup that brings its WAL where nothing follows', () => {
    const end = finishedMs(1, 4);
    const backups = [backup('data.master.1', 2, 4, ownWal)];
    const newest = coverageOf([host('arch1', segments(1, 3), { backups })], []);
    expect(minutes(newest)).toEqual([[end, end]]);
    expect(newest.ranges[0]?.reach.missing).toBeUndefined();
    const holed = coverageOf([host('arch1', [...segments(1, 3), ...segments(6, 9)], { backups })], []);
    expect(minutes(holed)).toEqual([[end, end]]);
    expect(holed.ranges[0]?.reach.missing).toMatchObject({ from: nameOf(4), to: nameOf(5) });
  });

  test('of a backup whose stop is not known begins when its WAL is there up to its end', () => {
    const backups = [backup('data.master.1', 2, 4, { stop: undefined })];
    expect(coverageOf([host('arch1', segments(1, 3), { backups })], []).windows).toEqual([]);
    expect(minutes(coverageOf([host('arch1', segments(1, 4), { backups })], []))).toEqual([
      [finishedMs(1, 4), finishedMs(1, 4)],
    ]);
  });

  test('is not less because a backup lies on the other host than its WAL', () => {
    const hosts = [host('arch1', [], { backups: [backup('data.master.1', 2, 3)] }), host('arch2', segments(1, 20))];
    expect(minutes(coverageOf(hosts, []))).toEqual([[finishedMs(1, 3), finishedMs(1, 20)]]);
  });

  test('is nothing while no host knows whose archive it is', () => {
    expect(coverageOf([host('arch1', [], { identity: undefined })], ['arch2'])).toMatchObject({
      windows: [],
      away: ['arch2'],
    });
  });
});

describe('over timelines', () => {
  const left = within(10);
  const descents = [history(2, [1, left])];
  const backups = [backup('data.master.1', 2, 3)];

  test('the child’s segment stands for the one in which it left its parent', () => {
    const wal = [...segments(1, 9), ...segments(10, 15, 2)];
    const coverage = coverageOf([host('arch1', wal, { backups, descents })], []);
    expect(waysOf(coverage)).toEqual(['tl1 2-9, tl2 10-15']);
    expect(minutes(coverage)).toEqual([[finishedMs(1, 3), finishedMs(2, 15)]]);
    expect(coverage.holes).toEqual([]);
  });

  test('both ways are told where the parent went on', () => {
    const wal = [...segments(1, 30), ...segments(10, 15, 2)];
    const coverage = coverageOf([host('arch1', wal, { backups, descents })], []);
    expect(waysOf(coverage).sort()).toEqual(['tl1 2-30', 'tl1 2-9, tl2 10-15']);
    expect(minutes(coverage)).toEqual([[finishedMs(1, 3), finishedMs(1, 30)]]);
  });

  test('a way to a timeline without WAL yet is part of another one', () => {
    const coverage = coverageOf([host('arch1', segments(1, 12), { backups, descents })], []);
    expect(waysOf(coverage)).toEqual(['tl1 2-12']);
    const alone = coverageOf([host('arch1', segments(1, 9), { backups, descents })], []);
    expect(waysOf(alone)).toEqual(['tl1 2-9']);
    expect(alone.ranges[0]?.reach.missing).toBeUndefined();
  });

  test('a hole may reach over the place where a timeline was left', () => {
    const wal = [...segments(1, 7), ...segments(12, 15, 2)];
    const coverage = coverageOf([host('arch1', wal, { backups, descents })], []);
    expect(coverage.ranges[0]?.reach.missing).toMatchObject({ from: nameOf(8), to: nameOf(11, 2), count: 4 });
    expect(minutes(coverage)).toEqual([[finishedMs(1, 3), finishedMs(1, 7)]]);
  });

  test('the parent’s segment does not stand for the child’s', () => {
    const wal = [...segments(1, 10), ...segments(11, 15, 2)];
    const coverage = coverageOf([host('arch1', wal, { backups, descents })], []);
    expect(waysOf(coverage)).toEqual(['tl1 2-10']);
    expect(minutes(coverage)).toEqual([[finishedMs(1, 3), finishedMs(1, 10)]]);
  });

  test('a backup of the child covers the child alone, one after the branch the parent alone', () => {
    const wal = [...segments(1, 30), ...segments(10, 40, 2)];
    const both = [backup('data.master.1', 12, 13, {}, 2), backup('data.master.2', 20, 21)];
    const coverage = coverageOf([host('arch1', wal, { backups: both, descents })], []);
    expect(waysOf(coverage).sort()).toEqual(['tl1 20-30', 'tl2 12-40']);
  });

  test('a timeline that left and one that left that one in the same segment follow on each other', () => {
    const three = [history(2, [1, left]), history(3, [1, left], [2, left + 8192])];
    const wal = [...segments(1, 9), ...segments(10, 15, 3)];
    const coverage = coverageOf([host('arch1', wal, { backups, descents: three })], []);
    expect(waysOf(coverage)).toEqual(['tl1 2-9, tl3 10-15']);
    expect(coverage.ranges[0]?.reach.missing).toBeUndefined();
  });

  test('a timeline that was left before it began is passed over', () => {
    // A recovery that aimed at timeline 2 ended at segment 5, before that had left timeline 1.
    const three = [history(2, [1, left]), history(3, [1, left], [2, within(5)])];
    const wal = [...segments(1, 9), ...segments(10, 12, 2), ...segments(5, 7, 3)];
    const coverage = coverageOf([host('arch1', wal, { backups, descents: three })], []);
    expect(waysOf(coverage).sort()).toEqual(['tl1 2-4, tl3 5-7', 'tl1 2-9, tl2 10-12']);
  });

  test('a backup that stops just where its timeline was left is on the way of the next one', () => {
    const wal = new JoinedWal([host('arch1', [], { descents })], size);
    expect(wayTo(tl(2), { timeline: tl(1), lsn: lsnFromBytes(BigInt(left)) }, wal)).toBeDefined();
    expect(wayTo(tl(2), { timeline: tl(1), lsn: lsnFromBytes(BigInt(left + 1)) }, wal)).toBeUndefined();
    expect(wayTo(tl(1), { timeline: tl(2), lsn: lsnFromBytes(BigInt(left + 1)) }, wal)).toBeUndefined();
  });

  test('the latest timeline is the last one whose history follows without a gap', () => {
    const known = new Map([2, 3, 5].map((id) => [tl(id), history(id, [1, left])] as const));
    expect(targetTimeline('latest', tl(1), known)).toBe(3);
    expect(targetTimeline('latest', tl(4), known)).toBe(5);
    expect(targetTimeline('current', tl(1), known)).toBe(1);
    expect(targetTimeline(tl(5), tl(1), known)).toBe(5);
  });
});

describe('who has what', () => {
  test('segments on one host only are told in runs, from the oldest that a backup needs', () => {
    const hosts = [
      host('arch1', segments(1, 20), { backups: [backup('data.master.1', 5, 6)] }),
      host('arch2', [...segments(7, 9), ...segments(12, 22)]),
    ];
    const { singleCopies } = coverageOf(hosts, []);
    expect(singleCopies.map(({ host: name, from, to, count }) => [name, from, to, count])).toEqual([
      ['arch1', nameOf(5), nameOf(6), 2],
      ['arch1', nameOf(10), nameOf(11), 2],
      ['arch2', nameOf(21), nameOf(22), 2],
    ]);
    expect(singleCopies[1]).toMatchObject({ fromMs: finishedMs(1, 10), toMs: finishedMs(1, 11) });
  });

  test('nothing is called a single copy while a host is away, or where there is only one', () => {
    const alone = [host('arch1', segments(1, 20), { backups: [backup('data.master.1', 5, 6)] })];
    expect(coverageOf(alone, ['arch2'])).toMatchObject({ singleCopies: [], away: ['arch2'] });
    expect(coverageOf(alone, []).singleCopies).toEqual([]);
  });

  test('a backup that lies on both hosts is one; two of the same name are two', () => {
    const same = { manifestSha256: 'a'.repeat(64) };
    const copied = [
      host('arch1', segments(1, 9), { backups: [backup('data.master.1', 2, 3, same)] }),
      host('arch2', segments(1, 9), { backups: [backup('data.master.1', 2, 3, same)] }),
    ];
    expect(coverageOf(copied, []).backups).toMatchObject([{ hosts: ['arch1', 'arch2'] }]);
    const different = [
      host('arch1', segments(1, 9), { backups: [backup('data.master.1', 2, 3)] }),
      host('arch2', segments(1, 9), { backups: [backup('data.master.1', 5, 6)] }),
    ];
    expect(coverageOf(different, []).backups).toMatchObject([{ hosts: ['arch1'] }, { hosts: ['arch2'] }]);
  });
});

/** Segment by segment, as PostgreSQL looks for them. */
interface Naive {
  windows: CoverageWindow[];
  /** "timeline number" of everything that any restore replays from the archive. */
  replayed: Set<string>;
}

function naively({ world, held, backups }: HeldWorld): Naive {
  const replayed = new Set<string>();
  const stretches: [number, number][] = [];
  const isHeld = (timeline: number, segment: number) =>
    hostNames.some((name) => held.has(`${name} ${nameOf(segment, timeline)}`));
  for (const { timeline, start, stop, bringsWal } of backups) {
    for (const target of world.timelines) {
      const lineage = [target];
      for (let it = target; it.parent > 0; ) {
        it = world.timelines.find(({ id }) => id === it.parent)!;
        lineage.push(it);
      }
      // Newest first: where the next newer one begins, this one ends.
      const ownerOf = (position: number) =>
        lineage.find(
          ({ begin, id }, index) =>
            (id === 1 ? 0 : begin) <= position && !(position >= (lineage[index - 1]?.begin ?? Infinity)),
        );
      if (ownerOf(stop - 1)?.id !== timeline) continue;
      let segment = Math.floor((bringsWal ? stop : start) / size);
      const reached: [number, number][] = [];
      for (;;) {
        const owner = lineage.find(({ begin, id }) => (id === 1 ? 0 : Math.floor(begin / size)) <= segment);
        if (owner === undefined || !isHeld(owner.id, segment)) break;
        reached.push([owner.id, segment]);
        segment += 1;
      }
      if (!bringsWal && segment * size < stop) continue;
      for (const [id, number] of reached) replayed.add(`${id} ${number}`);
      const endedMs = finishedMs(timeline, Math.floor((stop - 1) / size));
      const last = reached.at(-1);
      stretches.push([endedMs, Math.max(endedMs, last === undefined ? endedMs : finishedMs(...last))]);
    }
  }
  return { windows: union(stretches), replayed };
}

function union(stretches: [number, number][]): CoverageWindow[] {
  const windows: { fromMs: number; toMs: number }[] = [];
  for (const [fromMs, toMs] of stretches.toSorted(([a], [b]) => a - b)) {
    const before = windows.at(-1);
    if (before !== undefined && fromMs <= before.toMs) before.toMs = Math.max(before.toMs, toMs);
    else windows.push({ fromMs, toMs });
  }
  return windows;
}

describe('whatever two hosts hold', () => {
  test('the coverage is what PostgreSQL finds segment by segment', () => {
    fc.assert(
      fc.property(anyHeldWorld, (held) => {
        const coverage = coverageOf(surveysOf(held), []);
        const naive = naively(held);
        expect(coverage.windows).toEqual(naive.windows);
      }),
      { numRuns: 400 },
    );
  });

  test('no range has a segment that no host has, or that its hosts have not', () => {
    fc.assert(
      fc.property(anyHeldWorld, (held) => {
        const { replayed } = naively(held);
        for (const { reach } of coverageOf(surveysOf(held), []).ranges) {
          for (const { timeline, first, last, hosts } of reach.pieces) {
            for (let segment = first; segment <= last; segment += 1) {
              expect(replayed).toContain(`${timeline} ${segment}`);
              const name = nameOf(segment, timeline);
              expect(hosts).toEqual(hostNames.filter((it) => held.held.has(`${it} ${name}`)));
            }
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('a range ends at WAL that is missing before later WAL, or where nothing is behind it', () => {
    fc.assert(
      fc.property(anyHeldWorld, (held) => {
        const isHeld = (name: string) => hostNames.some((it) => held.held.has(`${it} ${name}`));
        for (const { reach } of coverageOf(surveysOf(held), []).ranges) {
          const { missing } = reach;
          if (missing === undefined) continue;
          expect([isHeld(missing.from), isHeld(missing.to)]).toEqual([false, false]);
        }
      }),
      { numRuns: 200 },
    );
  });

  test('losing a segment never makes it more', () => {
    fc.assert(
      fc.property(anyHeldWorld, fc.nat(), (held, which) => {
        const names = [...held.held];
        const lost = names[which % Math.max(1, names.length)];
        const before = coverageOf(surveysOf(held), []).windows;
        const after = coverageOf(
          surveysOf({ ...held, held: new Set(names.filter((name) => name !== lost)) }),
          [],
        ).windows;
        for (const { fromMs, toMs } of after) {
          expect(before.some((window) => window.fromMs <= fromMs && toMs <= window.toMs)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });
});
