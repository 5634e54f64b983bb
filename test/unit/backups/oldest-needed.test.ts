import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidatesBelow } from '../../../packages/core/src/backups/cleanup-plan.ts';
import { oldestNeeded } from '../../../packages/core/src/backups/oldest-needed.ts';
import type { Protection } from '../../../packages/core/src/backups/protection.ts';
import { type ArchiveFileName, parseArchiveFileName } from '../../../packages/core/src/wal/archive-file.ts';
import { parseLsn } from '../../../packages/core/src/wal/lsn.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';
import { nameOf } from '../archive/wal-segment.ts';
import { failureOf } from '../wal/expect-failure.ts';
import { anyWorld, archivedNames, askedForByRecoveries, protectionsIn, size } from './wal-world.ts';

function protection(fields: Partial<Protection> = {}): Protection {
  const from = { timeline: timelineFromNumber(1)!, lsn: parseLsn('0/900028') };
  return {
    host: 'arch1',
    holder: 'backup data.master.1',
    from,
    unreadable: undefined,
    permits: true,
    startedMs: 0,
    ...fields,
  };
}

const at = (lsn: string, timeline = 1) => ({ timeline: timelineFromNumber(timeline)!, lsn: parseLsn(lsn) });

function removedBy(protections: readonly Protection[], names: readonly ArchiveFileName[]): string[] {
  return candidatesBelow(names, oldestNeeded(protections, size).segmentNumber, size).map(({ file }) => file.name);
}

describe('a cleanup, whatever the history', () => {
  const runs = Number(process.env['ARCHIVE2_TEST_RUNS'] ?? 1000);

  test('removes nothing that a recovery from any backup or pin asks for, and no history file', () => {
    let removedInAll = 0;
    fc.assert(
      fc.property(anyWorld, (world) => {
        fc.pre(world.starts.some(({ kind }) => kind === 'complete'));
        const removed = removedBy(protectionsIn(world), archivedNames(world));
        const asked = askedForByRecoveries(world);
        expect(removed.filter((name) => asked.has(name))).toEqual([]);
        expect(removed.filter((name) => name.endsWith('.history'))).toEqual([]);
        removedInAll += removed.length;
      }),
      { numRuns: runs },
    );
    // Keeping everything would pass the above, too.
    expect(removedInAll).toBeGreaterThan(runs);
  });

  test('removes every file below all starts, on every timeline', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        fc.pre(world.starts.some(({ kind }) => kind === 'complete'));
        const names = archivedNames(world);
        const removed = new Set(removedBy(protectionsIn(world), names));
        const lowest = Math.min(...world.starts.map(({ position }) => Math.floor(position / size)));
        const below = names.filter((name) => {
          const file = parseArchiveFileName(name);
          return file.kind !== 'history' && file.log * 4096 + file.seg < lowest;
        });
        expect([...removed].sort()).toEqual([...below].sort());
      }),
      { numRuns: runs },
    );
  });

  test('removes nothing where no backup is complete', () => {
    fc.assert(
      fc.property(anyWorld, (world) => {
        const protections = protectionsIn(world).map((it) => ({ ...it, permits: false }));
        failureOf('cleanup_refused', () => removedBy(protections, archivedNames(world)));
      }),
      { numRuns: 50 },
    );
  });
});

describe('the oldest needed segment', () => {
  test('is that of the lowest start, although its timeline is a higher one', () => {
    const restored = protection({ holder: 'backup data.master.2', from: at('0/700028', 2) });
    expect(oldestNeeded([protection(), restored], size)).toMatchObject({
      segmentNumber: 7n,
      protection: { holder: 'backup data.master.2' },
    });
  });

  test('is that of the other host where its backup is older', () => {
    const theirs = protection({ host: 'arch2', from: at('0/300028') });
    expect(oldestNeeded([protection(), theirs], size)).toMatchObject({
      segmentNumber: 3n,
      protection: { host: 'arch2' },
    });
  });

  test.each(['unfinished', 'partial', 'pin'])('is that of an older %s start, too', () => {
    const older = protection({ permits: false, from: at('0/500028') });
    expect(oldestNeeded([protection(), older], size).segmentNumber).toBe(5n);
  });

  test('is not known without a backup', () => {
    failureOf('cleanup_refused', () => oldestNeeded([], size));
    failureOf('cleanup_refused', () => oldestNeeded([protection({ permits: false })], size));
  });

  test('is not known with a backup that cannot be read, and the refusal names it', () => {
    const unreadable = protection({
      from: undefined,
      permits: false,
      unreadable: '/storage/main/data.master.4: no label',
    });
    const failure = failureOf('cleanup_refused', () => oldestNeeded([protection(), unreadable], size));
    expect(failure.message).toContain('/storage/main/data.master.4');
    expect(failure.hint).toContain('backup_label');
  });
});

describe('candidates', () => {
  const names = (...texts: string[]) => texts.map((text) => parseArchiveFileName(text).name);

  test('come oldest first over all timelines, with partial segments and labels of backups', () => {
    const all = names(
      nameOf(3, 2),
      nameOf(1, 3),
      nameOf(2),
      `${nameOf(2)}.partial`,
      `${nameOf(1)}.00000028.backup`,
      nameOf(4),
      '00000002.history',
    );
    expect(candidatesBelow(all, 4n, size).map(({ file }) => file.name)).toEqual([
      `${nameOf(1)}.00000028.backup`,
      nameOf(1, 3),
      nameOf(2),
      `${nameOf(2)}.partial`,
      nameOf(3, 2),
    ]);
  });

  test('are no names that the segment size does not allow', () => {
    const impossible = '000000010000000000001000';
    expect(candidatesBelow(names(impossible, nameOf(1)), 2n ** 40n, size).map(({ file }) => file.name)).toEqual([
      nameOf(1),
    ]);
  });
});
