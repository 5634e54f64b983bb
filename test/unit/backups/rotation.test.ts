import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BackupRecord } from '../../../packages/core/src/backups/backup-record.ts';
import type { Pin } from '../../../packages/core/src/backups/pins.ts';
import type { StoredBackup } from '../../../packages/core/src/backups/read-backup.ts';
import { planRotation } from '../../../packages/core/src/backups/rotation.ts';
import { lsnFromBytes } from '../../../packages/core/src/wal/lsn.ts';
import { parseSegmentSize } from '../../../packages/core/src/wal/segment-size.ts';
import { timelineFromNumber } from '../../../packages/core/src/wal/timeline-id.ts';

const segmentSize = parseSegmentSize(2 ** 20);
const nowMs = 1_000_000;
const at = { segmentSize, nowMs };
const timeline = timelineFromNumber(1)!;
/** Each backup begins in a segment of its own. */
const startOf = (number: number) => ({ timeline, lsn: lsnFromBytes(BigInt(number) * 2n ** 20n + 40n) });

function backup(number: number, state: StoredBackup['state'] = 'complete', parent?: number): StoredBackup {
  const name = `data.master.${number}${state === 'partial' || state === 'abandoned' ? '.partial' : ''}`;
  const record = { parent: parent === undefined ? undefined : `data.master.${parent}` } as BackupRecord;
  return {
    name,
    number,
    isPartial: name.endsWith('.partial'),
    path: `/storage/main/${name}`,
    state,
    start: startOf(number),
    unreadable: undefined,
    startedMs: number,
    record,
  };
}

const pin = (holder: string, number: number, expiresMs = nowMs + 1): Pin => ({
  id: 'a'.repeat(16),
  holder,
  from: startOf(number),
  expiresMs,
});
const names = (backups: readonly StoredBackup[]) => backups.map(({ name }) => name);

describe('a rotation', () => {
  test('removes all complete backups but the newest', () => {
    const plan = planRotation(
      [4, 2, 3, 1].map((number) => backup(number)),
      2,
      [],
      at,
    );
    expect(names(plan.remove)).toEqual(['data.master.1', 'data.master.2']);
    expect(plan.spared).toEqual([]);
  });

  test('touches nothing that is not complete, and does not count it', () => {
    const backups = [
      backup(1, 'unfinished'),
      backup(2),
      backup(3, 'unfinished'),
      backup(4, 'partial'),
      backup(5, 'abandoned'),
    ];
    expect(planRotation(backups, 1, [], at).remove).toEqual([]);
    expect(names(planRotation([...backups, backup(6)], 1, [], at).remove)).toEqual(['data.master.2']);
  });

  test('spares a backup that others build on, over more than one step', () => {
    const backups = [backup(1), backup(2, 'complete', 1), backup(3, 'complete', 2), backup(4)];
    const plan = planRotation(backups, 2, [], at);
    expect(plan.remove).toEqual([]);
    expect(plan.spared.map(({ why }) => why)).toEqual(['data.master.2 builds on it', 'data.master.3 builds on it']);
    expect(names(planRotation(backups, 1, [], at).remove)).toEqual(['data.master.1', 'data.master.2', 'data.master.3']);
  });

  test('spares a backup that is being restored or verified, until the pin ends', () => {
    const backups = [1, 2, 3].map((number) => backup(number));
    expect(names(planRotation(backups, 1, [pin('db2', 1)], at).remove)).toEqual(['data.master.2']);
    expect(names(planRotation(backups, 1, [pin('drill of data.master.2', 9)], at).remove)).toEqual(['data.master.1']);
    expect(names(planRotation(backups, 1, [pin('db2', 1, nowMs)], at).remove)).toEqual([
      'data.master.1',
      'data.master.2',
    ]);
  });

  test('of any backups keeps the newest complete ones, all that these need, and never the only good one', () => {
    const states: StoredBackup['state'][] = ['complete', 'unfinished', 'partial', 'abandoned'];
    const backupsArbitrary = fc
      .array(
        fc.record({ state: fc.constantFrom(...states), parentBefore: fc.option(fc.integer({ min: 1, max: 4 })) }),
        {
          maxLength: 12,
        },
      )
      .map((list) =>
        list.map(({ state, parentBefore }, index) => {
          const parent = parentBefore === null || index + 1 - parentBefore < 1 ? undefined : index + 1 - parentBefore;
          return backup(index + 1, state, parent);
        }),
      );
    fc.assert(
      fc.property(backupsArbitrary, fc.integer({ min: 0, max: 5 }), fc.array(fc.nat(12)), (backups, keep, pinned) => {
        const pins = pinned.map((number) => pin('somebody', number));
        const { remove } = planRotation(backups, keep, pins, at);
        const left = backups.filter((it) => !remove.includes(it));
        const complete = backups.filter(({ state }) => state === 'complete');
        const newest = complete.toSorted((a, b) => b.number! - a.number!).slice(0, Math.max(1, keep));
        for (const it of newest) expect(left).toContain(it);
        for (const it of remove) {
          expect(it.state).toBe('complete');
          expect(pinned).not.toContain(it.number);
          expect(left.some(({ record }) => record?.parent === it.name)).toBe(false);
        }
        if (complete.length > 0) expect(left.some(({ state }) => state === 'complete')).toBe(true);
        // Nothing more stays than has a reason to.
        for (const it of complete.filter((it) => !newest.includes(it) && !remove.includes(it))) {
          const isNeeded = left.some(({ record }) => record?.parent === it.name);
          expect(isNeeded || pinned.includes(it.number!)).toBe(true);
        }
      }),
    );
  });
});
