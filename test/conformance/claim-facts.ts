import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import {
  addCluster,
  claim,
  DAY,
  type Fact,
  fail,
  HOUR,
  MINUTE,
  mustClaim,
  rejects,
  succeed,
} from './queue-under-test.ts';

/** Who owns a task, and for how long. */
export const claimFacts: Fact[] = [
  {
    title: 'a claim says all that a worker needs',
    async check(test) {
      await addCluster(test, 'main', { schedule: { keep: 7, options: { rate: '10M' } }, sourceServer: 'db1' });
      const token = randomUUID();
      assert.deepEqual(await test.queue.claim({ token, host: 'b', leaseSeconds: 60 }), {
        taskId: (await test.queue.state()).running[0]?.taskId,
        token,
        kind: 'base',
        cluster: 'main',
        host: 'b',
        conninfo: 'host=main user=backup',
        directory: '/storage/main',
        keep: 7,
        peers: ['a'],
        options: { rate: '10M' },
        dueAtMs: test.nowMs,
        startedAtMs: test.nowMs,
        leaseSeconds: 60,
        leaseUntilMs: test.nowMs + MINUTE,
      });
    },
  },
  {
    title: 'the same token gets the same claim while it runs, another one gets nothing',
    async check(test) {
      await addCluster(test, 'main');
      const first = await mustClaim(test, 'a');
      await test.queue.changeCluster('main', { directory: '/elsewhere' });
      assert.deepEqual(await claim(test, 'a', { token: first.token }), first);
      assert.equal(await claim(test, 'a'), undefined);
      assert.equal(await claim(test, 'b'), undefined);
      await succeed(test, first);
      await rejects(claim(test, 'a', { token: first.token }), 'stale_claim');
    },
  },
  {
    title: 'of many workers one gets the task',
    async check(test) {
      await addCluster(test, 'main');
      const others = await Promise.all(Array.from({ length: 8 }, () => test.another()));
      const claims = await Promise.all(others.map((queue, index) => claim({ queue }, index % 2 === 0 ? 'a' : 'b')));
      await Promise.all(others.map((queue) => queue.close()));
      assert.equal(claims.filter((claimed) => claimed !== undefined).length, 1);
      assert.equal((await test.queue.state()).running.length, 1);
    },
  },
  {
    title: 'a heartbeat holds the claim and tells the progress',
    async check(test) {
      await addCluster(test, 'main');
      const held = await mustClaim(test, 'a', { leaseSeconds: 60 });
      test.nowMs += 50_000;
      const { leaseUntilMs } = await test.queue.heartbeat(held, { doneBytes: 2 ** 40, totalBytes: 2 ** 41 });
      assert.equal(leaseUntilMs, test.nowMs + MINUTE);
      test.nowMs += 50_000;
      assert.equal(await claim(test, 'b'), undefined);
      await test.queue.heartbeat(held);
      const [running] = (await test.queue.state()).running;
      assert.deepEqual(running?.progress, { doneBytes: 2 ** 40, totalBytes: 2 ** 41 });
      assert.equal(running?.heartbeatAtMs, test.nowMs);
    },
  },
  {
    title: 'the task of a dead worker is found when its lease ends, and its late completion is refused',
    async check(test) {
      await addCluster(test, 'main');
      const dead = await mustClaim(test, 'a', { leaseSeconds: 900 });
      test.nowMs += 900_000 - 1;
      assert.equal(await claim(test, 'a'), undefined);
      test.nowMs += 1;
      const next = await mustClaim(test, 'a');
      assert.notEqual(next.taskId, dead.taskId);
      await rejects(test.queue.heartbeat(dead), 'stale_claim');
      await rejects(succeed(test, dead), 'stale_claim');
      await rejects(fail(test, dead), 'stale_claim');
      await succeed(test, next);
      await rejects(succeed(test, dead), 'stale_claim');
      const states = (await test.queue.tasks()).map(({ taskId, state }) => ({ taskId, state }));
      assert.deepEqual(states, [
        { taskId: next.taskId, state: 'succeeded' },
        { taskId: dead.taskId, state: 'lost' },
      ]);
    },
  },
  {
    title: 'a worker whose lease ended, and whom nobody replaced, may still complete its task',
    async check(test) {
      await addCluster(test, 'main');
      await addCluster(test, 'other', { archiveHosts: ['c'] });
      const slow = await mustClaim(test, 'a', { leaseSeconds: 60 });
      test.nowMs += 5 * MINUTE;
      // Somebody else's claim finds it lost; the pause keeps it from being given out again.
      await mustClaim(test, 'c');
      assert.equal((await test.queue.tasks({ cluster: 'main' }))[0]?.state, 'lost');
      assert.equal(await succeed(test, slow), slow.taskId);
      const [turn] = (await test.queue.state()).clusters[0]?.schedules[0]?.turns ?? [];
      assert.deepEqual(turn, {
        host: 'a',
        slotAtMs: slow.startedAtMs,
        succeededAtMs: slow.startedAtMs,
        failures: 0,
        notBeforeMs: undefined,
        lastError: undefined,
      });
    },
  },
  {
    title: 'a heartbeat of a worker that was set down as lost, and not replaced, brings its task back',
    async check(test) {
      await addCluster(test, 'main');
      const slow = await mustClaim(test, 'a', { leaseSeconds: 60 });
      test.nowMs += 5 * MINUTE;
      assert.equal(await claim(test, 'a'), undefined);
      await test.queue.heartbeat(slow);
      const state = await test.queue.state();
      assert.deepEqual(
        state.running.map(({ taskId }) => taskId),
        [slow.taskId],
      );
      assert.equal(state.clusters[0]?.schedules[0]?.turns[0]?.failures, 0);
      assert.deepEqual(await claim(test, 'a', { token: slow.token }), {
        ...slow,
        leaseUntilMs: test.nowMs + MINUTE,
      });
    },
  },
  {
    title: 'completing twice is completing once, completing otherwise is refused',
    async check(test) {
      await addCluster(test, 'main');
      const done = await mustClaim(test, 'a');
      assert.equal(await succeed(test, done), done.taskId);
      const after = await test.queue.state();
      assert.equal(await succeed(test, done), done.taskId);
      await rejects(fail(test, done), 'stale_claim');
      await rejects(test.queue.heartbeat(done), 'stale_claim');
      assert.deepEqual(await test.queue.state(), after);
    },
  },
  {
    title: 'failing twice with one claim is one failure',
    async check(test) {
      await addCluster(test, 'main');
      const failed = await mustClaim(test, 'a');
      await fail(test, failed, 'x'.repeat(5000));
      await fail(test, failed, 'again');
      const [turn] = (await test.queue.state()).clusters[0]?.schedules[0]?.turns ?? [];
      assert.equal(turn?.failures, 1);
      assert.equal(turn?.lastError, 'x'.repeat(4000));
    },
  },
  {
    title: 'a claim that the queue has lost is recorded when it is completed',
    async check(test) {
      await addCluster(test, 'main');
      const held = await mustClaim(test, 'a');
      await test.lose(held);
      test.nowMs += HOUR;
      await rejects(test.queue.heartbeat(held), 'stale_claim');
      const taskId = await succeed(test, held);
      assert.equal(await succeed(test, held), taskId);
      const [task] = await test.queue.tasks();
      assert.equal(task?.state, 'succeeded');
      assert.equal(task?.startedAtMs, held.startedAtMs);
      assert.equal(task?.endedAtMs, test.nowMs);
      assert.equal(await claim(test, 'b'), undefined);
      test.nowMs = held.startedAtMs + 2 * DAY;
      await mustClaim(test, 'b');
    },
  },
  {
    title: 'a claim that the queue has lost is refused when the task was given out since',
    async check(test) {
      await addCluster(test, 'main');
      const held = await mustClaim(test, 'a');
      await test.lose(held);
      test.nowMs += MINUTE;
      const next = await mustClaim(test, 'b');
      await rejects(succeed(test, held), 'stale_claim');
      await succeed(test, next);
      await rejects(succeed(test, held), 'stale_claim');
      assert.equal((await test.queue.tasks()).length, 1);
    },
  },
  {
    title: 'a claim of a cluster that is not there, or not of this host, says so',
    async check(test) {
      await addCluster(test, 'main');
      await rejects(claim(test, 'a', { cluster: 'nain' }), 'unknown_cluster');
      await rejects(claim(test, 'c', { cluster: 'main' }), 'unknown_cluster');
      assert.equal(await claim(test, 'c'), undefined);
      await rejects(claim(test, 'a', { token: 'x' }), 'usage');
      await rejects(claim(test, 'a', { leaseSeconds: 0 }), 'usage');
      await rejects(claim(test, 'a', { kinds: [] }), 'usage');
      await rejects(claim(test, 'a', { force: true }), 'usage');
    },
  },
];
