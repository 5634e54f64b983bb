import { describe, expect, test } from 'vitest';
import { planRestore } from '../../../packages/backup-restore/src/plan/plan-restore.ts';
import type { RestoreWish } from '../../../packages/backup-restore/src/plan/restore-wish.ts';
import { checkEnd } from '../../../packages/backup-restore/src/work/check-end.ts';
import type { PlaceAnswer } from '../../../packages/core/src/backups/archive-place.ts';
import type { RecoveryTarget } from '../../../packages/core/src/restore/server/recovery-target.ts';
import type { ReplayEnd } from '../../../packages/core/src/restore/server/watch-replay.ts';
import { failureFrom } from '../base/expect-failure.ts';
import {
  answerOf,
  backupOf,
  descentOf,
  lsnInSegment,
  minuteMs,
  runOf,
  segmentOf,
  silenceOf,
} from './archive-answers.ts';

const latest: RecoveryTarget = { kind: 'latest' };
const atMinute = (minute: number): RecoveryTarget => ({ kind: 'time', timeMs: minuteMs(minute), inclusive: true });
const atSegment = (segment: number): RecoveryTarget => ({ kind: 'lsn', lsn: lsnInSegment(segment), inclusive: true });

const plan = (answers: readonly PlaceAnswer[], target: RecoveryTarget, wish: Partial<RestoreWish> = {}) =>
  planRestore('main', answers, { target, timeline: 'latest', backup: undefined, isStandby: false, ...wish });

const refused = async (answers: readonly PlaceAnswer[], target: RecoveryTarget, wish: Partial<RestoreWish> = {}) => {
  const failure = await failureFrom('restore_refused', () => plan(answers, target, wish));
  return `${failure.message} / ${failure.hint}`;
};

/** Two hosts with the same WAL and a backup each. */
const both = [
  answerOf('arch1', { wal: [runOf(1, 1, 50)], backups: [backupOf(1, 2, 3), backupOf(3, 30, 31)] }),
  answerOf('arch2', { wal: [runOf(1, 1, 50)], backups: [backupOf(2, 20, 21)] }),
];

describe('the backup', () => {
  test('is the newest one for the latest point, wherever it is', () => {
    const { copies, reach, losses } = plan(both, latest);
    expect(copies.map(({ place, backup }) => `${place.name} ${backup.name}`)).toEqual(['arch1 data.master.3']);
    expect(reach).toMatchObject({ last: segmentOf(1, 50), endMs: minuteMs(50), missing: undefined });
    expect(losses).toEqual([]);
  });

  test.each([
    [25, 'data.master.2'],
    [32, 'data.master.3'],
    [19, 'data.master.1'],
  ])('is the newest one that ended before minute %i', (minute, name) => {
    expect(plan(both, atMinute(minute)).copies[0].backup.name).toBe(name);
  });

  test('that ended a few seconds before the target is left for an older one, because clocks differ', () => {
    const target: RecoveryTarget = { kind: 'time', timeMs: minuteMs(31) + 5000, inclusive: true };
    const chosen = plan(both, target);
    expect(chosen.copies[0].backup.name).toBe('data.master.2');
    expect(chosen.warnings).toEqual([expect.stringContaining('data.master.3 of arch1 ended 5 s before the target')]);
    expect(plan(both, target, { backup: { host: undefined, name: '3' } }).copies[0].backup.name).toBe('data.master.3');
  });

  test('is the only one although it ended a few seconds before the target, with a warning', () => {
    const target: RecoveryTarget = { kind: 'time', timeMs: minuteMs(3) + 5000, inclusive: true };
    const { copies, warnings } = plan(both, target);
    expect(copies[0].backup.name).toBe('data.master.1');
    expect(warnings[0]).toContain('PostgreSQL refuses the target');
  });

  test.each([
    [31, 'data.master.2'],
    [32, 'data.master.3'],
    [3, undefined],
  ])('is the newest one whose end is not after an LSN in segment %i', async (segment, name) => {
    if (name === undefined) expect(await refused(both, atSegment(segment))).toContain('before the end of every backup');
    else expect(plan(both, atSegment(segment)).copies[0].backup.name).toBe(name);
  });

  test('for a restore point or a transaction is the newest one, with a warning', () => {
    const { copies, warnings } = plan(both, { kind: 'name', name: 'before release' });
    expect(copies[0].backup.name).toBe('data.master.3');
    expect(warnings).toEqual([expect.stringContaining('Nobody can know')]);
    expect(
      plan(both, { kind: 'xid', xid: '7', inclusive: true }, { backup: { host: 'arch2', name: '2' } }).warnings,
    ).toEqual([]);
  });

  test('may be named by number, by directory and by host; a name that both have needs the host', async () => {
    const twins = [
      answerOf('archive@arch1', { wal: [runOf(1, 1, 50)], backups: [backupOf(1, 2, 3)] }),
      answerOf('arch2', { wal: [runOf(1, 1, 50)], backups: [backupOf(1, 20, 21, { manifestSha256: 'f'.repeat(64) })] }),
    ];
    const named = (host: string | undefined, name: string) => plan(twins, latest, { backup: { host, name } }).copies[0];
    expect(named('arch1', 'data.master.1').place.name).toBe('archive@arch1');
    expect(named('arch2', '1').place.name).toBe('arch2');
    expect(await refused(twins, latest, { backup: { host: undefined, name: '1' } })).toContain(
      '--backup arch1:data.master.1',
    );
    expect(await refused(twins, latest, { backup: { host: undefined, name: '9' } })).toContain('--list');
  });

  test('is read from every host that has the very same', () => {
    const same = ['arch1', 'arch2'].map((name) =>
      answerOf(name, { wal: [runOf(1, 1, 9)], backups: [backupOf(1, 2, 3)] }),
    );
    expect(plan(same, latest).copies.map(({ place }) => place.name)).toEqual(['arch1', 'arch2']);
  });

  test.each([
    { state: 'unfinished' },
    { problem: 'its label is gone' },
    { parent: 'data.master.1' },
    { stop: undefined },
  ] as const)('that is not whole is not taken: %o', async (fields) => {
    const answers = [answerOf('arch1', { wal: [runOf(1, 1, 9)], backups: [backupOf(1, 2, 3, fields)] })];
    expect(await refused(answers, latest)).toContain('no host that answers has a complete base backup');
  });
});

describe('the WAL', () => {
  test('may lie half on one host and half on the other', () => {
    const halves = [
      answerOf('arch1', { wal: [runOf(1, 1, 12), runOf(1, 30, 40)], backups: [backupOf(1, 2, 3)] }),
      answerOf('arch2', { wal: [runOf(1, 11, 31)] }),
    ];
    expect(plan(halves, latest).reach).toMatchObject({ last: segmentOf(1, 40), missing: undefined });
  });

  test('with a hole leads up to it, and no further', async () => {
    const answers = [answerOf('arch1', { wal: [runOf(1, 1, 10), runOf(1, 13, 40)], backups: [backupOf(1, 2, 3)] })];
    expect(plan(answers, atMinute(9)).losses).toEqual([]);
    expect(plan(answers, atSegment(10)).reach.last).toBe(segmentOf(1, 10));
    for (const target of [latest, atMinute(12), atMinute(30), atSegment(11), atSegment(30)]) {
      const text = await refused(answers, target);
      expect(text).toContain(`2 segments are missing, ${segmentOf(1, 11)} to ${segmentOf(1, 12)}`);
      expect(text).toContain('--target-time "2026-11-21 10:09:59+00"');
    }
  });

  test('with a hole that a person has accepted ends there, and that is a loss to be confirmed', () => {
    const accepted = { from: segmentOf(1, 11), to: segmentOf(1, 12), why: 'db1 burnt', who: 'ann', atMs: 0 };
    const wal = [runOf(1, 1, 10), runOf(1, 13, 40)];
    const { losses, reach } = plan(
      [answerOf('arch1', { wal, backups: [backupOf(1, 2, 3)], accepted: [accepted] })],
      latest,
    );
    expect(reach.last).toBe(segmentOf(1, 10));
    expect(losses).toEqual([expect.stringContaining('ann accepted ("db1 burnt")')]);
  });

  test('that a backup brings itself is not missed, but from its end on', async () => {
    const wal = [runOf(1, 5, 20)];
    expect(plan([answerOf('arch1', { wal, backups: [backupOf(1, 2, 5)] })], latest).reach.last).toBe(segmentOf(1, 20));
    const without = backupOf(1, 2, 5, { files: [{ name: 'base.tar.zst', sizeBytes: 1 }] });
    expect(await refused([answerOf('arch1', { wal, backups: [without] })], latest)).toContain(segmentOf(1, 2));
  });

  test('ends somewhere, and a target after that is refused', async () => {
    expect(await refused(both, atMinute(51))).toContain('after the end of the archived WAL (0/3300000, written until');
    expect(await refused(both, atSegment(51))).toContain('--latest');
    expect(await refused([...both, silenceOf('arch3')], atMinute(51))).toContain('arch3 may have more');
  });

  test('is not needed for the end of the backup', () => {
    const answers = [answerOf('arch1', { wal: [runOf(1, 1, 2), runOf(1, 30, 40)], backups: [backupOf(1, 2, 3)] })];
    expect(plan(answers, { kind: 'immediate' }).copies[0].backup.name).toBe('data.master.1');
  });
});

describe('the end of a recovery to the latest point', () => {
  const reached = (segment: number, lastRestored?: string) =>
    ({ how: 'open', replayedLsn: lsnInSegment(segment), story: { lastRestored } }) as unknown as ReplayEnd;

  test('is in the last segment that the hosts had, else commits are missing', async () => {
    const whole = plan(both, latest);
    checkEnd(reached(50), whole);
    checkEnd(reached(49, segmentOf(1, 50)), whole);
    checkEnd(reached(20), plan(both, atMinute(25)));
    const failure = await failureFrom('restore_failed', () => checkEnd(reached(49), whole));
    expect(failure.message).toBe(
      `the server opened at 0/3100028, although the archive goes on to 0/3300000 in ${segmentOf(1, 50)}`,
    );
  });
});

describe('timelines', () => {
  /** 2 left 1 in segment 20, 3 left 2 in segment 30; the old primary of 1 went on for a while. */
  const branched = [
    answerOf('arch1', {
      wal: [runOf(1, 1, 19), runOf(1, 20, 25), runOf(2, 20, 29), runOf(3, 30, 40)],
      descents: [descentOf(2, [1, 20]), descentOf(3, [1, 20], [2, 30])],
      backups: [backupOf(1, 2, 3), backupOf(2, 22, 23), backupOf(3, 26, 27, { timeline: 2 })],
    }),
  ];

  test('are followed from the backup to the newest one', () => {
    const { timeline, copies, reach } = plan(branched, latest);
    expect([timeline, copies[0].backup.name, reach.last]).toEqual([3, 'data.master.3', segmentOf(3, 40)]);
  });

  test('that were left are recovered to on request', () => {
    const wish = { timeline: timelineIn(branched, 1) };
    const { copies, reach } = plan(branched, latest, wish);
    expect([copies[0].backup.name, reach.last]).toEqual(['data.master.2', segmentOf(1, 25)]);
  });

  test('a backup that was taken after the branch does not lead to the branch', async () => {
    expect(await refused(branched, latest, { backup: { host: undefined, name: '2' } })).toContain('--timeline 1');
    expect(plan(branched, atMinute(19)).copies[0].backup.name).toBe('data.master.1');
  });

  test('a segment that is missing on the way is a hole of its timeline', async () => {
    const [answer] = branched;
    const survey = (answer as { survey: object }).survey;
    const wal = [runOf(1, 1, 19), runOf(2, 20, 27), runOf(3, 30, 40)];
    const holey = [answerOf('arch1', { ...survey, wal })];
    expect(await refused(holey, latest)).toContain(`${segmentOf(2, 28)} to ${segmentOf(2, 29)}`);
    const torn = [answerOf('arch1', { ...survey, wal: [runOf(1, 1, 19), runOf(2, 20, 29), runOf(3, 31, 40)] })];
    expect(await refused(torn, latest)).toContain(`segment ${segmentOf(3, 30)} is missing`);
  });

  test('of which only the history is archived end where their parent does', () => {
    const answers = [
      answerOf('arch1', { wal: [runOf(1, 1, 19)], descents: [descentOf(2, [1, 20])], backups: [backupOf(1, 2, 3)] }),
    ];
    expect(plan(answers, latest)).toMatchObject({ timeline: 2, reach: { last: segmentOf(1, 19), missing: undefined } });
  });

  test('that nobody has are refused', async () => {
    expect(await refused(branched, latest, { timeline: timelineIn(branched, 9) })).toContain('There is 1, 2, 3.');
  });

  function timelineIn(_answers: readonly PlaceAnswer[], number: number) {
    return number as Extract<RestoreWish['timeline'], number>;
  }
});

describe('a host that does not answer', () => {
  const alone = [silenceOf('arch1'), both[1] as PlaceAnswer];

  test('may have more: what is lost is said', () => {
    expect(plan(alone, latest).losses).toEqual([
      'arch1 does not answer. What arch2 has ends at 2026-11-21 10:50:00+00, 0/3300000; what only arch1 has is lost.',
    ]);
  });

  test('cannot take anything from a point that is here, on a timeline that was named', () => {
    expect(plan(alone, atMinute(40)).losses).toHaveLength(1);
    expect(plan(alone, atMinute(40), { timeline: 1 as never }).losses).toEqual([]);
    expect(plan(alone, { kind: 'immediate' }).losses).toEqual([]);
  });

  test('is asked again by a standby, so nothing is lost', () => {
    expect(plan(alone, latest, { isStandby: true }).losses).toEqual([]);
  });

  test('may fill a hole: it is named in the refusal', async () => {
    const holey = answerOf('arch2', { wal: [runOf(1, 1, 10), runOf(1, 13, 40)], backups: [backupOf(1, 2, 3)] });
    expect(await refused([silenceOf('arch1'), holey], latest)).toContain('Bring arch1 back, which may have them');
  });

  test('like the other one leaves nothing to restore from', async () => {
    const failure = await failureFrom('host_unreachable', () => plan([silenceOf('arch1'), silenceOf('arch2')], latest));
    expect(failure.message).toContain('arch1 refused the connection');
  });
});

test('hosts of two clusters are refused', async () => {
  const other = answerOf('arch2', { identity: { ...surveyIdentity(), systemIdentifier: 1n as never } });
  expect(await refused([both[0] as PlaceAnswer, other], latest)).toContain('different clusters');
});

function surveyIdentity() {
  const { survey } = both[0] as Extract<PlaceAnswer, { survey: unknown }>;
  if (survey.identity === undefined) throw new Error('no identity');
  return survey.identity;
}
