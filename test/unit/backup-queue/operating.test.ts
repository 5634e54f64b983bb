import { beforeEach, describe, expect, test } from 'vitest';
import { failureFrom } from '../base/expect-failure.ts';
import { temporaryDirectory } from '../files/temporary-directory.ts';
import { DAY, HOUR, MINUTE, QueueCalls } from './queue-calls.ts';

let calls: QueueCalls;
beforeEach(async () => {
  calls = await QueueCalls.create(temporaryDirectory());
});

const addMain = () => calls.call('add main --conninfo host=db1 --hosts arch1,arch2');

describe('add', () => {
  test('has defaults for all but the connection and the first cluster’s hosts', async () => {
    const { messages } = await addMain();
    expect(messages[0]).toBe(
      'info: main is in the queue conninfo="host=db1" hosts=arch1,arch2 directory=/storage/main server=main kind=base periodicity-days=4 keep=3',
    );
    await calls.call('set main --directory /big/main');
    expect(messages[2]).toContain('a queue in a file is for one archive host');
    // Where all clusters have the same hosts and lie in the same place, the next one does too.
    const next = await calls.call('add shop --conninfo host=db2');
    expect(next.messages[0]).toContain('hosts=arch1,arch2 directory=/big/shop');
  });

  test('tells all that is wrong at once, and adds nothing', async () => {
    const line =
      'add main --conninfo host=db1_password=secret --keep 0 --window 25:00 --periodicity-days x --time-zone Mars --option x';
    const failure = await failureFrom('usage', calls.call(line));
    for (const word of [
      'secret (password)',
      '--keep',
      '25:00',
      '--periodicity-days',
      'Mars',
      '--hosts',
      '--option "x"',
    ]) {
      expect(failure.message).toContain(word);
    }
    expect(failure.message).not.toContain('secret"');
    expect(failure.hint).toContain('.pgpass');
    expect((await calls.call('list')).messages).toEqual([
      'info: the queue has no clusters: add one with backup-queue add',
    ]);
  });

  test('refuses a name that is taken, and says what can be done', async () => {
    await addMain();
    const failure = await failureFrom('cluster_exists', addMain());
    expect(failure.hint).toContain('backup-queue set main');
  });

  test('takes the hosts from /etc/default/backup-queue, but no other settings', async () => {
    calls.settings = { hosts: 'a,b', keep: '9' };
    const { messages } = await calls.call('add main --conninfo host=db1');
    expect(messages[0]).toContain('hosts=a,b');
    expect(messages[0]).toContain('keep=3');
  });

  test('keeps a connection string as words, and options by name', async () => {
    await calls.call(
      'add main --conninfo postgresql://backup@db1,db2/postgres --hosts arch1 --option a=1 --option b=2=3',
    );
    expect(await calls.json('show main')).toMatchObject({
      cluster: { conninfo: 'host=db1,db2 user=backup dbname=postgres', schedules: [{ options: { a: '1', b: '2=3' } }] },
    });
  });
});

test('an option that is given twice is wrong usage, unless it may be repeated', async () => {
  await failureFrom('usage', calls.call('add main --conninfo host=db1 --hosts arch1 --keep 2 --keep 3'));
});

describe('set', () => {
  test('changes what is given and leaves the rest', async () => {
    await calls.call(
      'add main --conninfo host=db1 --hosts arch1,arch2 --keep 5 --window 22:00-05:00 --option a=1 --option b=2',
    );
    // What is set elsewhere is no change that anybody asked for.
    calls.settings = { keep: '9', hosts: 'x' };
    await calls.call('set main --periodicity-days 7 --window none --option a= --option c=3 --time-zone Europe/Berlin');
    expect(await calls.json('show main')).toMatchObject({
      cluster: {
        timeZone: 'Europe/Berlin',
        conninfo: 'host=db1',
        schedules: [{ keep: 5, periodicityDays: 7, window: null, options: { b: '2', c: '3' } }],
      },
    });
  });

  test('adds a kind of tasks that the cluster does not have yet', async () => {
    await addMain();
    const { messages } = await calls.call('set main --kind dump --periodicity-days 1');
    expect(messages[0]).toBe('info: main has dump tasks now; the first one is due at once');
    expect(await calls.json('show main')).toMatchObject({
      cluster: { schedules: [{ kind: 'base' }, { kind: 'dump' }] },
    });
  });

  test('without anything to change is wrong usage, and so is what is no setting of a cluster', async () => {
    await addMain();
    await failureFrom('usage', calls.call('set main'));
    await failureFrom('usage', calls.call('set main --max-running 2'));
    await failureFrom('usage', calls.call('set --max-running 2'));
    await failureFrom('usage', calls.call('set --host arch1'));
    await failureFrom('usage', calls.call('set main --hosts a,a --keep 0'));
    await failureFrom('unknown_cluster', calls.call('set mian --keep 3'));
  });

  test('lets an archive host run several tasks at once', async () => {
    await addMain();
    await calls.call('add shop --conninfo host=db2');
    expect(await calls.claim('arch1')).toBeDefined();
    expect(await calls.claim('arch1')).toBeUndefined();
    await calls.call('set --host arch1 --max-running 2');
    expect(await calls.claim('arch1')).toBeDefined();
  });
});

describe('pause and resume', () => {
  test.each(['main', 'main --kind base', '--host arch1'])('%s: no task is given out meanwhile', async (what) => {
    await calls.call('add main --conninfo host=db1 --hosts arch1');
    await calls.call(`pause ${what}`);
    expect(await calls.claim('arch1')).toBeUndefined();
    const { stdout } = await calls.call('show main');
    expect(stdout).toContain(`backup-queue resume ${what}\n`);
    expect(stdout).toContain('base: paused');
    await calls.call(`resume ${what}`);
    expect(await calls.claim('arch1')).toBeDefined();
  });

  test('a kind that the cluster does not have is refused, not added', async () => {
    await addMain();
    await failureFrom('usage', calls.call('pause main --kind dump'));
    await failureFrom('usage', calls.call('pause main --host arch1'));
    await failureFrom('usage', calls.call('pause --host nobody'));
    await failureFrom('usage', calls.call('pause'));
  });

  test('resume says what else holds the cluster', async () => {
    await addMain();
    await calls.call('pause main');
    await calls.call('pause main --kind base');
    const { messages } = await calls.call('resume main');
    expect(messages[1]).toBe('warning: its base tasks are still paused: backup-queue resume main --kind base');
  });
});

describe('run-now', () => {
  test('puts a task before its time, and says who will do it', async () => {
    await addMain();
    await calls.work('arch1', MINUTE);
    expect(await calls.claim('arch2')).toBeUndefined();
    const { messages } = await calls.call('run-now main --host arch2');
    expect(messages).toEqual([
      'info: main base is asked for host=arch2',
      'info: arch2: begins when arch2 asks next (it asked last now)',
    ]);
    expect(await calls.claim('arch1')).toBeUndefined();
    expect(await calls.claim('arch2')).toMatchObject({ host: 'arch2' });
  });

  test('is refused for a host that has nothing to do with the cluster, and for a kind that it does not have', async () => {
    await addMain();
    await failureFrom('usage', calls.call('run-now main --host arch3'));
    await failureFrom('usage', calls.call('run-now main --kind verify'));
  });
});

describe('retry', () => {
  test('takes up a host that needed attention', async () => {
    await calls.call('add main --conninfo host=db1 --hosts arch1 --failure-limit 2');
    await calls.work('arch1', MINUTE, 'no route to db1');
    expect((await calls.call('show main')).stdout).toContain(
      'arch1: 1 failure, the last: no route to db1. It tries again 2026-11-21 12:11 (in 10 min)',
    );
    calls.nowMs += HOUR;
    await calls.work('arch1', MINUTE, 'no route to db1');
    calls.nowMs += 5 * DAY;
    expect(await calls.claim('arch1')).toBeUndefined();
    const { stdout } = await calls.call('show main');
    expect(stdout).toContain(
      'arch1: 2 failures in a row, the last: no route to db1. Put it right, then: backup-queue retry main --kind base --host arch1\n',
    );
    expect(stdout).toContain('Not before what stands above is put right.');
    expect((await calls.call('retry main')).messages).toEqual(['info: main base is in turn again hosts=arch1']);
    expect((await calls.call('retry main')).messages).toEqual(['info: main base had no failures to forget']);
    expect(await calls.claim('arch1')).toBeDefined();
  });
});

describe('remove', () => {
  test('asks on a terminal only: elsewhere it wants --yes', async () => {
    await addMain();
    const failure = await failureFrom('usage', calls.call('remove main'));
    expect(failure.hint).toContain('--yes');
    await calls.work('arch1', MINUTE);
    await calls.call('remove main --yes');
    await failureFrom('unknown_cluster', calls.call('show main'));
    expect((await calls.call('history main')).stdout).toContain('succeeded');
  });

  test('is refused while a task runs, unless that is said', async () => {
    await addMain();
    await calls.claim('arch1');
    await failureFrom('busy', calls.call('remove main --yes'));
    await calls.call('remove main --yes --even-if-running');
  });
});

test('a name that is not there is answered with those that look alike', async () => {
  await addMain();
  expect((await failureFrom('unknown_cluster', calls.call('show Main'))).hint).toBe('Did you mean main?');
  await failureFrom('usage', calls.call('show main shop'));
  await failureFrom('usage', calls.call('show'));
});
