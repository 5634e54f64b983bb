import assert from 'node:assert/strict';
import { defaultScheduleSettings } from '../../packages/core/src/queue/cluster-settings.ts';
import {
  addCluster,
  backUp,
  claim,
  DAY,
  type Fact,
  fail,
  HOUR,
  MINUTE,
  mustClaim,
  type QueueUnderTest,
  rejects,
  succeed,
} from './queue-under-test.ts';

/** Whose turn it is, and when. */
export const turnFacts: Fact[] = [
  ...(['a', 'b'] as const).map((first): Fact => {
    const second = first === 'a' ? 'b' : 'a';
    return {
      title: `with a period of 4 days there is a backup every 2 days, by ${first} and ${second} in turn, when ${first} asks first`,
      async check(test) {
        await addCluster(test, 'main');
        const startMs = test.nowMs;
        const begun: string[] = [];
        for (let hour = 0; hour < 10 * 24; hour++) {
          test.nowMs = startMs + hour * HOUR;
          for (const host of [first, second]) {
            if (await backUp(test, host)) begun.push(`${hour / 24}${host}`);
          }
        }
        assert.deepEqual(begun, [`0${first}`, `2${second}`, `4${first}`, `6${second}`, `8${first}`]);
      },
    };
  }),
  {
    title: 'a host that began late keeps its place, and does not push the other one',
    async check(test) {
      await addCluster(test, 'main');
      const startMs = test.nowMs;
      await backUp(test, 'a');
      test.nowMs = startMs + 3.9 * DAY;
      assert.equal((await backUp(test, 'b'))?.dueAtMs, startMs + 2 * DAY);
      test.nowMs = startMs + 4 * DAY;
      assert.ok(await backUp(test, 'a'));
      test.nowMs = startMs + 6 * DAY;
      assert.ok(await backUp(test, 'b'));
    },
  },
  {
    title: 'the most overdue goes first; a point of priority is worth an hour',
    async check(test) {
      await addCluster(test, 'newer', { schedule: { priority: 0 } });
      test.nowMs += 3 * HOUR;
      await addCluster(test, 'important', { schedule: { priority: 4 } });
      await addCluster(test, 'Zeta');
      await addCluster(test, 'alpha');
      const order: string[] = [];
      for (let next = await backUp(test, 'a'); next; next = await backUp(test, 'a')) order.push(next.cluster);
      assert.deepEqual(order, ['important', 'newer', 'Zeta', 'alpha']);
    },
  },
  {
    title:
      'a failed host is backed off in growing pauses, then needs attention; the other one goes on, then does all turns',
    async check(test) {
      await addCluster(test, 'main');
      await backUp(test, 'b');
      const startMs = test.nowMs;
      test.nowMs += 2 * DAY;
      for (const pause of [10, 20, 40, 80, 160]) {
        await fail(test, await mustClaim(test, 'a'));
        assert.equal(await claim(test, 'b'), undefined);
        test.nowMs += pause * MINUTE - 1;
        assert.equal(await claim(test, 'a'), undefined);
        test.nowMs += 1;
      }
      await fail(test, await mustClaim(test, 'a'));
      test.nowMs += 3 * HOUR;
      assert.equal(await claim(test, 'a'), undefined);
      const [turn] = ((await test.queue.state()).clusters[0]?.schedules[0]?.turns ?? []).filter((t) => t.host === 'a');
      assert.equal(turn?.failures, 6);
      assert.equal(turn?.lastError, 'no space');
      // b makes up for a, and goes on every two days.
      assert.equal((await backUp(test, 'b'))?.dueAtMs, startMs + 2 * DAY);
      test.nowMs = startMs + 4 * DAY;
      assert.ok(await backUp(test, 'b'));
      assert.equal(await claim(test, 'a'), undefined);
    },
  },
  {
    title: 'retry puts a host that needs attention back in turn, at once',
    async check(test) {
      await addCluster(test, 'main', { schedule: { failureLimit: 1 } });
      await fail(test, await mustClaim(test, 'a'));
      await fail(test, await mustClaim(test, 'b'));
      assert.equal(await claim(test, 'a'), undefined);
      assert.deepEqual(await test.queue.retry('main', 'base', 'b'), ['b']);
      assert.equal(await claim(test, 'a'), undefined);
      await succeed(test, await mustClaim(test, 'b'));
      assert.deepEqual(await test.queue.retry('main', 'base'), ['a']);
      assert.deepEqual(await test.queue.retry('main', 'base'), []);
      await rejects(test.queue.retry('nain', 'base'), 'unknown_cluster');
      await rejects(test.queue.retry('main', 'dump'), 'unknown_cluster');
      await rejects(test.queue.retry('main', 'base', 'c'), 'usage');
    },
  },
  {
    title: 'a lost task counts as a failure of its host',
    async check(test) {
      await addCluster(test, 'main', { schedule: { failureLimit: 2 } });
      await mustClaim(test, 'a', { leaseSeconds: 900 });
      test.nowMs += 15 * MINUTE;
      await mustClaim(test, 'a', { leaseSeconds: 900 });
      test.nowMs += HOUR;
      assert.equal(await claim(test, 'a'), undefined);
      assert.ok(await claim(test, 'b'));
    },
  },
  {
    title: 'a host that has not asked for six hours is out, and the other one does its turns',
    async check(test) {
      await addCluster(test, 'main');
      await backUp(test, 'a');
      assert.equal(await claim(test, 'b'), undefined);
      test.nowMs += 2 * DAY;
      assert.ok(await backUp(test, 'a'));
      // b is back: its turn is the next one.
      test.nowMs += 2 * DAY - HOUR;
      assert.equal(await claim(test, 'b'), undefined);
      test.nowMs += HOUR;
      assert.equal(await claim(test, 'a'), undefined);
      assert.ok(await backUp(test, 'b'));
    },
  },
  {
    title:
      'tasks begin within the start window, in the time zone of the cluster, over midnight and when the clocks change',
    async check(test) {
      test.nowMs = Date.UTC(2026, 2, 27, 12);
      const startWindow = { fromMinute: 23 * 60 + 30, toMinute: 2 * 60 + 15 };
      const schedule = { periodicityDays: 1, startWindow };
      await addCluster(test, 'main', { archiveHosts: ['a'], timeZone: 'Europe/Berlin', schedule });
      const begun: string[] = [];
      const endMs = test.nowMs + 4 * DAY;
      for (; test.nowMs < endMs; test.nowMs += 15 * MINUTE) {
        if (await backUp(test, 'a')) begun.push(new Date(test.nowMs).toISOString().slice(5, 16));
      }
      // 23:30 in Berlin: an hour earlier in UTC in winter, two hours from 29 March on.
      assert.deepEqual(begun, ['03-27T22:30', '03-28T22:30', '03-29T21:30', '03-30T21:30']);
    },
  },
  {
    title: 'an archive host and a source server run no more tasks at once than their limits',
    async check(test) {
      for (const name of ['c1', 'c2', 'c3', 'c4']) {
        await addCluster(test, name, { sourceServer: name === 'c4' ? 'other' : 'shared' });
      }
      await test.queue.changeHost('a', { maxRunning: 3 });
      await test.queue.changeServer('shared', { maxRunning: 2 });
      const granted = [await mustClaim(test, 'a'), await mustClaim(test, 'a'), await mustClaim(test, 'a')];
      assert.deepEqual(
        granted.map(({ cluster }) => cluster),
        ['c1', 'c2', 'c4'],
      );
      assert.equal(await claim(test, 'b'), undefined);
      assert.equal(await claim(test, 'a'), undefined);
      await succeed(test, granted[0] ?? assert.fail());
      assert.equal((await mustClaim(test, 'b')).cluster, 'c3');
    },
  },
  {
    title: 'what is paused gets no tasks: a cluster, a schedule, a host',
    async check(test) {
      await addCluster(test, 'main');
      const cases: [() => Promise<void>, () => Promise<void>][] = [
        [
          () => test.queue.changeCluster('main', { enabled: false }),
          () => test.queue.changeCluster('main', { enabled: true }),
        ],
        [
          () => test.queue.changeSchedule('main', 'base', { enabled: false }),
          () => test.queue.changeSchedule('main', 'base', { enabled: true }),
        ],
        [() => test.queue.changeHost('a', { enabled: false }), () => test.queue.changeHost('a', { enabled: true })],
      ];
      for (const [pause, resume] of cases) {
        await pause();
        await test.queue.runNow('main', 'base');
        assert.equal(await claim(test, 'a'), undefined);
        await resume();
        await test.queue.complete(await mustClaim(test, 'a'), { state: 'failed', error: 'again' });
      }
    },
  },
  {
    title: 'a task that a person asked for goes first, whatever its turn, window and failures, once',
    async check(test) {
      await addCluster(test, 'overdue');
      test.nowMs += DAY;
      await addCluster(test, 'main', { schedule: { failureLimit: 1, startWindow: closedNow(test) } });
      await test.queue.runNow('main', 'base', 'b');
      assert.equal((await mustClaim(test, 'a')).cluster, 'overdue');
      const asked = await mustClaim(test, 'b');
      assert.equal(asked.cluster, 'main');
      await fail(test, asked);
      assert.equal(await claim(test, 'b'), undefined);
      await test.queue.runNow('main', 'base');
      await test.queue.runNow('main', 'base');
      const again = await mustClaim(test, 'b');
      assert.equal(again.dueAtMs <= test.nowMs, true);
      await succeed(test, again);
      await test.queue.runNow('main', 'base');
      const before = await mustClaim(test, 'b');
      assert.equal(before.dueAtMs, test.nowMs);
      await rejects(test.queue.runNow('nain', 'base'), 'unknown_cluster');
      await rejects(test.queue.runNow('main', 'base', 'c'), 'usage');
    },
  },
  {
    title: 'a person by hand gets a task out of turn, but not beside a running one or over a limit',
    async check(test) {
      await addCluster(test, 'main', { enabled: false });
      await addCluster(test, 'other', { sourceServer: 'main' });
      const force = { cluster: 'main', force: true };
      const held = await mustClaim(test, 'a', force);
      await rejects(claim(test, 'b', force), 'busy');
      await rejects(claim(test, 'b', { cluster: 'other', force: true }), 'busy');
      await succeed(test, held);
      await mustClaim(test, 'a', { cluster: 'other', force: true });
      await rejects(claim(test, 'a', force), 'busy');
      await rejects(claim(test, 'b', { ...force, kinds: ['dump'] }), 'unknown_cluster');
    },
  },
  {
    title: 'each kind of task has its own schedule',
    async check(test) {
      const base = { ...defaultScheduleSettings, kind: 'base' as const };
      const dump = { ...base, kind: 'dump' as const, periodicityDays: 1, keep: 9 };
      await addCluster(test, 'main', { archiveHosts: ['a'], schedules: [base, dump] });
      assert.equal((await backUp(test, 'a'))?.kind, 'base');
      assert.equal(await claim(test, 'a'), undefined);
      const dumped = await mustClaim(test, 'a', { kinds: ['base', 'dump'] });
      assert.deepEqual([dumped.kind, dumped.keep], ['dump', 9]);
      // One server, one task: whichever kind.
      test.nowMs += 4 * DAY;
      await test.queue.heartbeat(dumped);
      assert.equal(await claim(test, 'a'), undefined);
      await succeed(test, dumped);
      // The dump has been due for three days, the base backup from now on.
      assert.equal((await mustClaim(test, 'a', { kinds: ['base', 'dump'] })).kind, 'dump');
    },
  },
];

/** A window that does not open for hours. */
function closedNow({ nowMs }: QueueUnderTest) {
  const hour = new Date(nowMs).getUTCHours();
  return { fromMinute: ((hour + 12) % 24) * 60, toMinute: ((hour + 13) % 24) * 60 };
}
