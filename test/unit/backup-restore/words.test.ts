import { describe, expect, test } from 'vitest';
import { type Consent, questionOf } from '../../../packages/backup-restore/src/confirm-plan.ts';
import { commandSpec, readOptions } from '../../../packages/backup-restore/src/options.ts';
import { timelineJson } from '../../../packages/backup-restore/src/show/plan-json.ts';
import { formatTimeline, formatWindows } from '../../../packages/backup-restore/src/show/timeline-text.ts';
import { placeTablespaces } from '../../../packages/backup-restore/src/target/place-tablespaces.ts';
import type { WholePlan } from '../../../packages/backup-restore/src/whole-plan.ts';
import { parseArguments } from '../../../packages/core/src/cli/arguments.ts';
import { failureFrom } from '../base/expect-failure.ts';
import { answerOf, backupOf, minuteMs, runOf, silenceOf } from './archive-answers.ts';

describe('what must be agreed to', () => {
  const whole = (fields: object = {}, losses: string[] = []) =>
    ({
      plan: { cluster: 'main', losses },
      use: 'make',
      takeOver: false,
      target: '/data',
      ...fields,
    }) as unknown as WholePlan;
  const ask = (plan: WholePlan, consent: Partial<Consent> = {}) => {
    const question = questionOf(plan, { yes: false, acceptLoss: false, ...consent });
    return question === undefined ? undefined : `${question.answer} ${question.flag}`;
  };
  const loss = ['arch1 does not answer.'];

  test('is a plan: y', () => expect(ask(whole())).toBe('y --yes'));
  test('is to move a directory, or to take over: the name of the cluster', () => {
    expect(ask(whole({ use: 'move' }))).toBe('main --yes');
    expect(ask(whole({ takeOver: true }))).toBe('main --yes');
  });
  test('is said by --yes', () => {
    expect(ask(whole({ use: 'move', takeOver: true }), { yes: true })).toBeUndefined();
  });
  test('is a loss, which --yes does not accept', () => {
    expect(ask(whole({}, loss))).toBe('main --yes --accept-loss');
    expect(ask(whole({}, loss), { yes: true })).toBe('main --accept-loss');
    expect(ask(whole({}, loss), { acceptLoss: true })).toBe('y --yes');
    expect(ask(whole({}, loss), { yes: true, acceptLoss: true })).toBeUndefined();
  });
});

describe('the timeline', () => {
  const nowMs = minuteMs(50) + 14_000;

  test('says since when and until when can be restored, and the holes between', () => {
    expect(formatWindows([{ fromMs: minuteMs(3), toMs: minuteMs(50) }], nowMs)).toBe(
      'from 2026-11-21 10:03:00+00 to 2026-11-21 10:50:00+00 (14 s ago)',
    );
    const windows = [
      { fromMs: minuteMs(3), toMs: minuteMs(10) },
      { fromMs: minuteMs(21), toMs: minuteMs(50) },
    ];
    expect(formatWindows(windows, nowMs)).toContain(', hole between 2026-11-21 10:10:00+00 and 2026-11-21 10:21:00+00');
    expect(formatWindows([], nowMs)).toBe('nothing');
  });

  test('shows each host by itself and both together', () => {
    const answers = [
      answerOf('arch1', { wal: [runOf(1, 1, 10), runOf(1, 13, 40)], backups: [backupOf(1, 2, 3)] }),
      answerOf('arch2', { wal: [runOf(1, 1, 50)], backups: [backupOf(2, 20, 21)] }),
    ];
    expect(formatTimeline(answers, nowMs, { width: undefined, colours: false })).toBe(
      [
        'BACKUP         HOST   ENDED                   AGE        DATA   STORED  TIMELINE  CAN BE RESTORED TO',
        'data.master.1  arch1  2026-11-21 10:03:00+00  47 min ago  38 MiB  9.5 MiB         1  2026-11-21 10:50:00+00 (14 s ago)',
        'data.master.2  arch2  2026-11-21 10:21:00+00  29 min ago  38 MiB  9.5 MiB         1  2026-11-21 10:50:00+00 (14 s ago)',
        '',
        'Can be restored:',
        '  arch1     from 2026-11-21 10:03:00+00 to 2026-11-21 10:10:00+00 (40 min ago)',
        '  arch2     from 2026-11-21 10:21:00+00 to 2026-11-21 10:50:00+00 (14 s ago)',
        '  together  from 2026-11-21 10:03:00+00 to 2026-11-21 10:50:00+00 (14 s ago)',
        '',
      ]
        .join('\n')
        .replace('AGE        DATA   STORED', 'AGE           DATA   STORED'),
    );
    expect(timelineJson('main', answers, nowMs)).toMatchObject({
      format: 1,
      restorable: [{ from: '2026-11-21T10:03:00.000Z', to: '2026-11-21T10:50:00.000Z' }],
      backups: [{ name: 'data.master.1', host: 'arch1', hole: null }, { name: 'data.master.2' }],
    });
  });

  test('a backup that ended a moment after its WAL was written makes no hole', () => {
    const late = backupOf(2, 49, 50, { endedMs: minuteMs(50) + 300 });
    const answers = [answerOf('arch1', { wal: [runOf(1, 1, 50)], backups: [backupOf(1, 2, 3), late] })];
    expect(formatTimeline(answers, nowMs, { width: undefined, colours: false })).not.toContain('hole');
  });

  test('says which host does not answer, and where WAL ends at a hole', () => {
    const answers = [
      silenceOf('arch1'),
      answerOf('arch2', { wal: [runOf(1, 1, 30), runOf(1, 33, 50)], backups: [backupOf(2, 20, 21)] }),
    ];
    const text = formatTimeline(answers, nowMs, { width: undefined, colours: false });
    expect(text).toContain('arch1     does not answer: arch1 refused the connection');
    expect(text).toContain('2026-11-21 10:30:00+00 (20 min ago), then a hole');
    expect(text).toContain('(what is known)');
  });
});

describe('the command line', () => {
  const read = async (...args: string[]) => {
    const base = ['--cluster-dir', '/storage/main', '--hosts', 'arch1 arch2', '--cluster', 'main'];
    const { words, options } = await parseArguments(commandSpec, [...base, ...args]);
    return await readOptions(words, options);
  };

  test('has one target, by default the latest; at a point that was named the server waits', async () => {
    expect((await read('--to', '/data')).order).toMatchObject({
      wish: { target: { kind: 'latest' } },
      action: 'promote',
    });
    expect((await read('--to', '/data', '--target-lsn', '0/3000028')).order).toMatchObject({ action: 'pause' });
    expect((await read('--to', '/data', '--target-xid', '7', '--action', 'promote')).order).toMatchObject({
      action: 'promote',
    });
    expect(
      (await read('--to', '/data', '--target-time', '2026-11-21 10:07:21.5+00', '--exclusive')).order?.wish.target,
    ).toEqual({
      kind: 'time',
      timeMs: Date.parse('2026-11-21T10:07:21.500Z'),
      inclusive: false,
    });
    expect((await read('--list')).order).toBeUndefined();
  });

  test.each([
    [[], '--to DIR is missing'],
    [['--to', 'data'], 'no absolute path'],
    [['--to', '/data', '--latest', '--immediate'], 'more than one target'],
    [['--to', '/data', '--exclusive'], '--exclusive goes with'],
    [['--to', '/data', '--standby', '--target-xid', '7'], 'a standby has no target'],
    [['--to', '/data', '--standby', '--take-over'], 'does not take over'],
    [['--to', '/data', '--primary-conninfo', 'host=db1'], 'is for --standby'],
    [['--to', '/data', '--timeline', '0'], '--timeline'],
    [['--to', '/data', '--target-xid', '7; drop'], 'no transaction id'],
    [['--to', '/data', '--tablespace-map', 'fast=slow'], 'not OID=DIR'],
    [['--to', '/data', '--json'], 'shows no plan to say yes to'],
    [['--to', '/data', '--set', 'port'], 'not NAME=VALUE'],
    [['--to', '/data', '--set', 'archive_mode=on'], 'sets itself'],
    [['--to', '/data', '--set', 'Recovery_Target_Time=now'], 'sets itself'],
  ])('%j is wrong', async (args, text) => {
    expect((await failureFrom('usage', read(...args))).message).toContain(text);
  });

  test('gives the server settings', async () => {
    const { order } = await read('--to', '/data', '--set', 'port=5433', '--set', "search_path=a, 'b=c'");
    expect(order?.settings).toEqual({ port: '5433', search_path: "a, 'b=c'" });
  });

  test('sends tablespaces elsewhere by OID and by place', async () => {
    const { order } = await read('--to', '/data', '--tablespace-map', '16385=/a', '--tablespace-map', '/mnt/old=/b=c');
    const old = new Map([
      ['16385', '/mnt/x'],
      ['16386', '/mnt/old'],
      ['16387', '/mnt/y'],
    ]);
    expect([...placeTablespaces(old, order?.tablespaceMap ?? new Map())]).toEqual([
      ['16385', '/a'],
      ['16386', '/b=c'],
      ['16387', '/mnt/y'],
    ]);
    await failureFrom('usage', () => placeTablespaces(new Map(), order?.tablespaceMap ?? new Map()));
  });
});
