import { beforeEach, describe, expect, test } from 'vitest';
import { failureFrom } from '../base/expect-failure.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';
import { DAY, HOUR, MINUTE, QueueCalls } from './queue-calls.ts';

let calls: QueueCalls;
beforeEach(async () => {
  calls = await QueueCalls.create(temporaryDirectory());
});

/** Two clusters after some days: one runs, the other one fails on arch1; arch2 has gone away. */
async function someDays(): Promise<void> {
  await calls.call('add main --conninfo host=db1 --hosts arch1,arch2 --periodicity-days 2');
  await calls.call('add shop --conninfo host=db2 --failure-limit 1');
  await calls.work('arch1', 30 * MINUTE);
  await calls.work('arch1', MINUTE, 'db2 is gone');
  await calls.work('arch2', 10 * MINUTE);
  calls.nowMs += DAY;
  await calls.work('arch2', 30 * MINUTE);
  calls.nowMs += 2 * DAY;
  const claim = await calls.claim('arch1');
  calls.nowMs += 12 * MINUTE;
  await calls.withQueue((queue) => queue.heartbeat(claim as never, { doneBytes: 2 ** 30, totalBytes: 4 * 2 ** 30 }));
}

describe('list', () => {
  test('is a table that a person reads', async () => {
    await someDays();
    expect((await calls.call('list')).stdout).toBe(
      [
        'CLUSTER  KIND  STATE      HOST   LAST GOOD         AGE    NEXT     NOTE',
        'main     base  running    arch1  2026-11-21 12:00  3 d    running  25 % of 4.0 GiB, for 12 min',
        '                          arch2  2026-11-22 12:41  2 d    -        asked last 2 d ago',
        'shop     base  attention  arch1  -                 never  -        needs attention, 1 failure: db2 is gone',
        '                          arch2  2026-11-21 12:31  3 d    -        asked last 2 d ago',
        '',
        'ARCHIVE HOST  ASKED       RUNNING  LIMIT  NOTE',
        'arch1         12 min ago        1      1',
        'arch2         2 d ago           0      1  away: is its cron job there? The others do its turns',
        '',
        '2 clusters: 1 running, 1 in need of attention (shop). Why: backup-queue show shop',
        '',
      ].join('\n'),
    );
  });

  test('fits a narrow terminal', async () => {
    await someDays();
    calls.width = 60;
    const { stdout } = await calls.call('list');
    for (const line of stdout.split('\n').filter((line) => !line.startsWith('2 clusters'))) {
      expect(line.length).toBeLessThanOrEqual(60);
    }
    expect(stdout).toContain('main     running');
  });

  test('shows what is asked for only', async () => {
    await someDays();
    const problems = (await calls.call('list --problems')).stdout;
    expect(problems).toContain('shop');
    expect(problems).not.toContain('main ');
    expect(problems).toContain('1 of 2 schedules shown');
    expect((await calls.call('list --host arch3')).stdout).not.toContain('CLUSTER ');
    expect((await calls.json<{ clusters: object[] }>('list --kind dump')).clusters).toEqual([]);
  });

  test('--json has the same facts', async () => {
    await someDays();
    expect(await calls.json('list')).toMatchObject({
      now: '2026-11-24T13:23:00.000Z',
      clusters: [
        {
          name: 'main',
          schedules: [
            {
              kind: 'base',
              state: 'running',
              running: { host: 'arch1', taskId: 5, startedAt: '2026-11-24T13:11:00.000Z', doneBytes: 2 ** 30 },
              hosts: [
                { name: 'arch1', obstacle: 'running', lastGoodAt: '2026-11-21T12:00:00.000Z', failures: 0 },
                { name: 'arch2', nextAt: null },
              ],
            },
          ],
        },
        {
          name: 'shop',
          schedules: [
            {
              state: 'attention',
              running: null,
              hosts: [{ name: 'arch1', needsAttention: true, failures: 1, lastError: 'db2 is gone' }, {}],
            },
          ],
        },
      ],
      hosts: [
        { name: 'arch1', running: 1, maxRunning: 1, enabled: true, seenAt: '2026-11-24T13:11:00.000Z' },
        { name: 'arch2', running: 0 },
      ],
    });
  });
});

describe('show', () => {
  test('tells how far a running task is, and when it will end', async () => {
    await someDays();
    const { stdout } = await calls.call('show main');
    expect(stdout).toContain('  arch1 is running it: 25 % of 4.0 GiB, for 12 min, 1.4 MiB/s, about 36 min to go\n');
    expect(stdout).toContain('  task 5, begun 2026-11-24 13:11, last sign now\n');
  });

  test('says that a worker is silent, and when it is given up', async () => {
    await someDays();
    calls.nowMs += 10 * MINUTE;
    expect((await calls.call('show main')).stdout).toContain('for 22 min, silent for 10 min, given up in 5 min');
    calls.nowMs += 6 * MINUTE;
    // Its lease has ended: what the next call of a host will find.
    const { stdout } = await calls.call('show main');
    expect(stdout).toContain(
      'arch1: begins when arch1 asks next (it asked last 28 min ago); its last try failed: the worker was not heard of until its lease ended\n',
    );
  });

  test('says of each host why nothing runs, and when the next one is', async () => {
    await someDays();
    const { stdout } = await calls.call('show shop');
    expect(stdout).toContain(
      [
        '  Why is nothing running?',
        '    arch1: 1 failure, the last: db2 is gone. Put it right, then: backup-queue retry shop --kind base --host arch1',
        '    arch2: due, but arch2 does not ask any more (it asked last 2 d ago). Look at the cron job of base-backup on arch2.',
        '',
        '  When is the next one?',
        '    Not before what stands above is put right.',
        '',
        '  Last good',
        '    arch1: never',
        '    arch2: 2026-11-21 12:31 (3 d ago)',
      ].join('\n'),
    );
  });

  test('names the tasks that hold the limits, and those that are before it in the line', async () => {
    await calls.call('add a --conninfo host=db1 --hosts arch1 --server san');
    await calls.call('add b --conninfo host=db2 --hosts arch1');
    await calls.call('add c --conninfo host=db3 --hosts arch2 --server san');
    await calls.claim('arch1');
    expect((await calls.call('show b')).stdout).toContain(
      'arch1: due, but the archive host has its limit of 1: a base on arch1\n',
    );
    expect((await calls.call('show c')).stdout).toContain(
      'arch2: due, but source server san has its limit of 1: a base on arch1\n',
    );
    calls.nowMs += 1000;
    await calls.call('add d --conninfo host=db4 --hosts arch1');
    expect((await calls.call('show d')).stdout).toContain('a base on arch1; before it: b base\n');
  });

  test('knows the start window, in the cluster’s time zone', async () => {
    await calls.call('add main --conninfo host=db1 --hosts arch1 --window 22:00-05:00 --time-zone Europe/Berlin');
    const { stdout } = await calls.call('show main');
    expect(stdout).toContain(
      'arch1: due, but its start window 22:00-05:00 Europe/Berlin opens 2026-11-21 21:00 (in 9 h)\n',
    );
    expect(stdout).toContain('    2026-11-21 21:00 (in 9 h) on arch1\n');
  });
});

describe('plan', () => {
  test('is a calendar of turns, with the times that the last backups took', async () => {
    await calls.call('add main --conninfo host=db1 --hosts arch1,arch2');
    await calls.work('arch1', 90 * MINUTE);
    const { stdout, messages } = await calls.call('plan --days 7');
    expect(stdout).toBe(
      [
        'DAY             BEGINS  CLUSTER  KIND  HOST   TAKES ABOUT',
        'Mon 2026-11-23  12:00   main     base  arch2   1 h 30 min',
        'Wed 2026-11-25  12:00   main     base  arch1   1 h 30 min',
        'Fri 2026-11-27  12:00   main     base  arch2   1 h 30 min',
        '',
      ].join('\n'),
    );
    expect(messages).toEqual(['info: 3 tasks in 7 days, if every task succeeds']);
    const { tasks } = await calls.json<{ tasks: object[] }>('plan main --host arch1 --days 7');
    expect(tasks).toEqual([
      {
        cluster: 'main',
        kind: 'base',
        host: 'arch1',
        dueAt: '2026-11-25T12:00:00.000Z',
        startsAt: '2026-11-25T12:00:00.000Z',
        endsAt: '2026-11-25T13:30:00.000Z',
      },
    ]);
  });

  test('leaves a host out that does not ask, and what waits for a person', async () => {
    await someDays();
    const { stdout, messages } = await calls.call('plan');
    expect(stdout).not.toContain('arch2');
    expect(stdout).not.toContain('shop');
    expect(messages.at(-1)).toBe('warning: left out, as they have not asked for hours: arch2');
    await failureFrom('usage', calls.call('plan --days 0'));
    await failureFrom('unknown_cluster', calls.call('plan nobody'));
  });
});

describe('history', () => {
  test('has the newest first, by cluster, host, state and age, in pages', async () => {
    await someDays();
    const ids = async (filter: string) =>
      (await calls.json<{ tasks: Array<{ taskId: number }> }>(`history ${filter}`.trim())).tasks.map(
        ({ taskId }) => taskId,
      );
    expect(await ids('')).toEqual([5, 4, 3, 2, 1]);
    expect(await ids('shop')).toEqual([3, 2]);
    expect(await ids('--host arch1')).toEqual([5, 2, 1]);
    expect(await ids('--state failed,lost')).toEqual([2]);
    expect(await ids('--days 3')).toEqual([5, 4]);
    expect(await ids('--limit 2')).toEqual([5, 4]);
    expect(await ids('--before 4 --limit 2')).toEqual([3, 2]);
    const { stdout, messages } = await calls.call('history --limit 4');
    expect(stdout).toBe(
      [
        'TASK  CLUSTER  KIND  HOST   STATE      BEGUN               TOOK   STORED  RESULT',
        '   5  main     base  arch1  running    2026-11-24 13:11                   25 % of 4.0 GiB, for 12 min',
        '   4  main     base  arch2  succeeded  2026-11-22 12:41  30 min  1.0 GiB  data.master.4',
        '   3  shop     base  arch2  succeeded  2026-11-21 12:31  10 min  1.0 GiB  data.master.3',
        '   2  shop     base  arch1  failed     2026-11-21 12:30   1 min           db2 is gone',
        '',
      ].join('\n'),
    );
    expect(messages).toEqual(['info: there may be more: --before 2, or a larger --limit']);
  });

  test('tells all that is wrong with its filters at once', async () => {
    const failure = await failureFrom('usage', calls.call('history a b --state done --limit 0 --kind full'));
    for (const word of ['"b"', '"done"', '--limit', '"full"']) expect(failure.message).toContain(word);
  });

  test('--json has LSNs as PostgreSQL writes them', async () => {
    await calls.call('add main --conninfo host=db1 --hosts arch1');
    const claim = await calls.claim('arch1');
    const result = { startLsn: 0x1_0200_0028n, stopLsn: 0x1_0300_0000n, timeline: 2 };
    await calls.withQueue((queue) => queue.complete(claim as never, { state: 'succeeded', result: result as never }));
    calls.nowMs += HOUR;
    expect(await calls.json('history')).toMatchObject({
      tasks: [{ result: { startLsn: '1/2000028', stopLsn: '1/3000000', timeline: 2, name: null } }],
    });
  });
});
