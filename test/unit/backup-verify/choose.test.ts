import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseBackup, type SurveyedPlace } from '../../../packages/backup-verify/src/choose/choose-backup.ts';
import { chooseTarget } from '../../../packages/backup-verify/src/choose/choose-target.ts';
import { expectedEnd } from '../../../packages/backup-verify/src/choose/expected-end.ts';
import { DrillNotes } from '../../../packages/backup-verify/src/drill/drill-notes.ts';
import { planDrill } from '../../../packages/backup-verify/src/drill/plan-drill.ts';
import type { PlaceAnswer } from '../../../packages/core/src/backups/archive-place.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import type { RecordedDrill } from '../../../packages/core/src/restore/drill/drill-store.ts';
import {
  answerOf,
  backupOf,
  descentOf,
  lsnInSegment,
  minuteMs,
  runOf,
  segmentOf,
  segmentSize,
  silenceOf,
  surveyOf,
  timelineOf,
} from '../backup-restore/archive-answers.ts';

const hosts = (...answers: PlaceAnswer[]) => answers as SurveyedPlace[];
const newest = { kind: 'newest' } as const;
const rotate = { kind: 'rotate' } as const;

/** A drill of a backup of a host, so many minutes ago. */
function drillOf(host: string, number: number, minute: number, manifest = String(number)): RecordedDrill {
  const manifestSha256 = manifest.repeat(64).slice(0, 64);
  const nothing = { problem: undefined, rtoMs: undefined, rpoMs: undefined, databases: [], checks: [] };
  const backup = { host, name: `data.master.${number}`, manifestSha256 };
  const startedMs = minuteMs(minute);
  return {
    id: `${minute}`,
    ok: true,
    cluster: 'main',
    host: 'here',
    startedMs,
    endedMs: startedMs,
    backup,
    ...nothing,
  };
}

const both = hosts(
  answerOf('arch1', { backups: [backupOf(1, 0, 1), backupOf(3, 20, 21)] }),
  answerOf('arch2', { backups: [backupOf(2, 10, 11)] }),
);

const chosen = (...call: Parameters<typeof chooseBackup>) => {
  const { place, backup } = chooseBackup(...call);
  return `${place.name}:${backup.name}`;
};

describe('the backup of a drill', () => {
  test('is the newest of the host that the last drill did not read from', () => {
    expect(chosen(both, newest, [])).toBe('arch1:data.master.3');
    expect(chosen(both, newest, [drillOf('arch1', 3, 30)])).toBe('arch2:data.master.2');
    expect(chosen(both, newest, [drillOf('arch2', 2, 31), drillOf('arch1', 3, 30)])).toBe('arch1:data.master.3');
    const one = hosts(answerOf('arch1', { backups: [backupOf(1, 0, 1)] }), answerOf('arch2'));
    expect(chosen(one, newest, [drillOf('arch1', 1, 30)])).toBe('arch1:data.master.1');
  });

  test('is in a rotation the one that was never drilled, oldest first, then the one longest ago', () => {
    expect(chosen(both, rotate, [])).toBe('arch1:data.master.1');
    expect(chosen(both, rotate, [drillOf('arch1', 1, 30)])).toBe('arch2:data.master.2');
    const all = [drillOf('arch1', 1, 33), drillOf('arch2', 2, 32), drillOf('arch1', 3, 31)];
    expect(chosen(both, rotate, all)).toBe('arch1:data.master.3');
    // A number that was given again, after the host was replaced, is another backup.
    expect(chosen(both, rotate, [drillOf('arch1', 1, 30, '9'), ...all.slice(1)])).toBe('arch1:data.master.1');
  });

  test('may be named, with its host or without', () => {
    const named = (name: string, host?: string) => ({ kind: 'named', host, name }) as const;
    expect(chosen(both, named('data.master.1'), [])).toBe('arch1:data.master.1');
    expect(chosen(both, named('2', 'arch2'), [])).toBe('arch2:data.master.2');
    const none = { code: 'drill_failed', message: 'arch1 and arch2 have no complete base backup 2' };
    expect(() => chosen(both, named('2', 'arch1'), [])).toThrow(expect.objectContaining(none));
  });

  test('that counts as complete and cannot be restored is not passed over', () => {
    const problem = 'it is of another cluster';
    const broken = hosts(answerOf('arch1', { backups: [backupOf(1, 0, 1), backupOf(2, 5, 6, { problem })] }));
    const failure = { code: 'drill_failed', message: expect.stringContaining(problem) };
    expect(() => chosen(broken, newest, [])).toThrow(expect.objectContaining(failure));
    const other = hosts(answerOf('arch1', { backups: [backupOf(2, 5, 6, { state: 'unfinished', problem })] }));
    const wish = { kind: 'named', host: undefined, name: '2' } as const;
    expect(() => chosen(other, wish, [])).toThrow(expect.objectContaining(failure));
  });

  test('is never an unfinished or an incremental one', () => {
    const backups = [
      backupOf(1, 0, 1),
      backupOf(2, 5, 6, { state: 'partial' }),
      backupOf(3, 7, 8, { parent: 'data.master.1' }),
    ];
    expect(chosen(hosts(answerOf('arch1', { backups })), newest, [])).toBe('arch1:data.master.1');
    expect(() => chosen(hosts(answerOf('arch1')), newest, [])).toThrow(
      expect.objectContaining({ code: 'drill_failed' }),
    );
  });
});

describe('where a drill has to get', () => {
  const stop = { timeline: timelineOf(1), lsn: lsnInSegment(3) };

  test('is the end of what both hosts have together, along the newest timeline that the backup leads to', () => {
    const surveys = [surveyOf('arch1', { wal: [runOf(1, 2, 6)] }), surveyOf('arch2', { wal: [runOf(1, 5, 9)] })];
    expect(expectedEnd(stop, surveys, segmentSize)).toMatchObject({
      timeline: 1,
      otherTimeline: undefined,
      reach: { last: segmentOf(1, 9), missing: undefined },
    });
    const promoted = surveyOf('arch1', { wal: [runOf(1, 2, 9), runOf(2, 7, 12)], descents: [descentOf(2, [1, 7])] });
    expect(expectedEnd(stop, [promoted], segmentSize)).toMatchObject({
      timeline: 2,
      reach: { last: segmentOf(2, 12) },
    });
  });

  test('is on its own branch where the newest timeline left before the backup', () => {
    const other = surveyOf('arch1', { wal: [runOf(1, 1, 9), runOf(2, 2, 4)], descents: [descentOf(2, [1, 2])] });
    expect(expectedEnd(stop, [other], segmentSize)).toMatchObject({
      timeline: 1,
      otherTimeline: 2,
      reach: { last: segmentOf(1, 9) },
    });
  });

  test('a random position lies between the end of the backup and the beginning of the last segment, and is reached', () => {
    fc.assert(
      fc.property(fc.nat(999_999), fc.integer({ min: 3, max: 5000 }), (millionths, last) => {
        const target = chooseTarget('random', stop, segmentOf(1, last), segmentSize, millionths / 1_000_000);
        if (last === 3) expect(target).toEqual({ kind: 'immediate' });
        if (last === 3 || target.kind !== 'lsn') return last === 3;
        return target.lsn >= stop.lsn && target.lsn <= lsnInSegment(last, 0);
      }),
    );
    expect(chooseTarget('random', stop, undefined, segmentSize, 0.5)).toEqual({ kind: 'immediate' });
    expect(chooseTarget('latest', stop, segmentOf(1, 9), segmentSize, 0.5)).toEqual({ kind: 'latest' });
  });
});

describe('the plan of a drill', () => {
  const order = { wish: newest, target: 'latest' } as const;
  const plan = (...answers: PlaceAnswer[]) => {
    const notes = new DrillNotes(systemClock);
    const made = planDrill(order, answers, [], 0.5, notes);
    return { made, notes };
  };

  test('says which host did not answer, and goes on with the other', () => {
    const { made, notes } = plan(
      silenceOf('arch1'),
      answerOf('arch2', { backups: [backupOf(1, 0, 1)], wal: [runOf(1, 0, 5)] }),
    );
    expect(made.chosen.place.name).toBe('arch2');
    expect(notes.warnings).toEqual([expect.stringContaining('arch1 did not answer')]);
    expect(notes.archives).toEqual([
      { name: 'arch1', problem: expect.stringContaining('refused') },
      { name: 'arch2', problem: undefined },
    ]);
  });

  test('cannot be made when nobody answers, which is not the backup’s fault; an empty archive is', () => {
    expect(() => plan(silenceOf('arch1'), silenceOf('arch2'))).toThrow(
      expect.objectContaining({ code: 'host_unreachable' }),
    );
    expect(() => plan(answerOf('arch1', { identity: undefined }))).toThrow(
      expect.objectContaining({ code: 'drill_failed' }),
    );
  });

  test('fails at a hole, and only warns of one that was accepted', () => {
    const backups = [backupOf(1, 0, 1)];
    const wal = [runOf(1, 0, 3), runOf(1, 5, 9)];
    expect(() => plan(answerOf('arch1', { backups, wal }))).toThrow(
      expect.objectContaining({ code: 'drill_failed', message: expect.stringContaining(segmentOf(1, 4)) }),
    );
    const hole = segmentOf(1, 4);
    const accepted = [{ from: hole, to: hole, who: 'ann', why: 'lost', atMs: 0 }] as never;
    const { notes } = plan(answerOf('arch1', { backups, wal, accepted }));
    expect(notes.warnings).toEqual([expect.stringContaining('accepted as lost by ann')]);
  });
});
