import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { defaultScheduleSettings } from '../../packages/core/src/queue/cluster-settings.ts';
import type { Verification } from '../../packages/core/src/queue/task.ts';
import { lsnFromBytes } from '../../packages/core/src/wal/lsn.ts';
import { timelineFromNumber } from '../../packages/core/src/wal/timeline-id.ts';
import { addCluster, claim, type Fact, fail, HOUR, mustClaim, rejects, succeed } from './queue-under-test.ts';

/** What operators set and see. */
export const operatorFacts: Fact[] = [
  {
    title: 'settings come back as they were given, and changes change only what they name',
    async check(test) {
      const startWindow = { fromMinute: 60, toMinute: 300 };
      await addCluster(test, 'main', {
        conninfo: 'postgresql://backup@db1,db2:5433/postgres?target_session_attrs=prefer-standby',
        timeZone: 'America/New_York',
        schedule: { startWindow, priority: -3, periodicityDays: 0.5, failureLimit: 2, options: { a: 'b' } },
      });
      await test.queue.changeCluster('main', { archiveHosts: ['b'] });
      await test.queue.changeSchedule('main', 'base', { startWindow: undefined, keep: 1 });
      await test.queue.changeSchedule('main', 'dump', { enabled: false });
      await test.queue.changeHost('b', { maxRunning: 2 });
      await test.queue.changeHost('b', { enabled: false });
      await test.queue.changeServer('main', { maxRunning: 5 });
      const { clusters, hosts, servers, nowMs } = await test.queue.state();
      assert.equal(nowMs, test.nowMs);
      assert.deepEqual(hosts, [{ name: 'b', maxRunning: 2, enabled: false, seenAtMs: undefined }]);
      assert.deepEqual(servers, [{ name: 'main', maxRunning: 5 }]);
      const added = { addedAtMs: test.nowMs, runNow: undefined, turns: [] };
      const base = { priority: -3, periodicityDays: 0.5, failureLimit: 2, options: { a: 'b' }, keep: 1 };
      assert.deepEqual(clusters, [
        {
          name: 'main',
          conninfo: 'host=db1,db2 port=,5433 user=backup dbname=postgres target_session_attrs=prefer-standby',
          archiveHosts: ['b'],
          directory: '/storage/main',
          sourceServer: 'main',
          timeZone: 'America/New_York',
          enabled: true,
          schedules: [
            { kind: 'base', startWindow: undefined, enabled: true, ...base, ...added },
            { ...defaultScheduleSettings, kind: 'dump', enabled: false, ...added },
          ],
        },
      ]);
    },
  },
  {
    title: 'settings that cannot be are refused, and a password is',
    async check(test) {
      const wrong: Parameters<typeof addCluster>[2][] = [
        { conninfo: 'host=db1 password=secret' },
        { conninfo: 'postgresql://backup:secret@db1/postgres' },
        { conninfo: 'host' },
        { archiveHosts: [] },
        { archiveHosts: ['a', 'a'] },
        { archiveHosts: ['a b'] },
        { directory: 'storage' },
        { timeZone: 'Mars/Olympus' },
        { sourceServer: '' },
        { schedule: { periodicityDays: 0 } },
        { schedule: { periodicityDays: Number.NaN } },
        { schedule: { keep: 0 } },
        { schedule: { priority: 0.5 } },
        { schedule: { failureLimit: 0 } },
        { schedule: { startWindow: { fromMinute: 60, toMinute: 60 } } },
        { schedule: { startWindow: { fromMinute: 0, toMinute: 1440 } } },
        { schedule: { options: { password: 'secret' } } },
      ];
      for (const wishes of wrong) await rejects(addCluster(test, 'main', wishes), 'usage');
      await rejects(addCluster(test, '../main'), 'usage');
      await addCluster(test, 'main');
      await rejects(test.queue.changeCluster('main', { conninfo: 'host=x sslpassword=secret' }), 'usage');
      await rejects(test.queue.changeSchedule('main', 'base', { keep: -1 }), 'usage');
      await rejects(test.queue.changeHost('a', { maxRunning: 0 }), 'usage');
      await rejects(test.queue.changeServer('a', { maxRunning: 1.5 }), 'usage');
      assert.equal((await test.queue.state()).clusters[0]?.conninfo, 'host=main user=backup');
    },
  },
  {
    title: 'a name is given once, and what is not there cannot be changed',
    async check(test) {
      await addCluster(test, 'main');
      await rejects(addCluster(test, 'main', { directory: '/other' }), 'cluster_exists');
      assert.equal((await test.queue.state()).clusters[0]?.directory, '/storage/main');
      await rejects(test.queue.changeCluster('nain', { enabled: false }), 'unknown_cluster');
      await rejects(test.queue.changeSchedule('nain', 'base', { keep: 2 }), 'unknown_cluster');
      await rejects(test.queue.removeCluster('nain'), 'unknown_cluster');
    },
  },
  {
    title: 'a cluster is not removed while a task of it runs, unless one insists; its history stays',
    async check(test) {
      await addCluster(test, 'main');
      const held = await mustClaim(test, 'a');
      await rejects(test.queue.removeCluster('main'), 'busy');
      await test.queue.removeCluster('main', { evenIfRunning: true });
      assert.deepEqual((await test.queue.state()).clusters, []);
      assert.deepEqual((await test.queue.state()).running, []);
      await rejects(succeed(test, held), 'stale_claim');
      const [task] = await test.queue.tasks({ cluster: 'main' });
      assert.equal(task?.state, 'failed');
      // A new cluster of the name begins anew.
      await addCluster(test, 'main');
      await mustClaim(test, 'a');
    },
  },
  {
    title: 'the history has what a task made, newest first, by page and by filter',
    async check(test) {
      await addCluster(test, 'c1');
      await addCluster(test, 'c2');
      const first = await mustClaim(test, 'a');
      test.nowMs += HOUR;
      const result = {
        name: 'data.master.12',
        sourceBytes: 2 ** 42,
        storedBytes: 2 ** 40,
        startLsn: lsnFromBytes(2n ** 64n - 1n),
        stopLsn: lsnFromBytes(0x1_0000_0028n),
        timeline: timelineFromNumber(0xffffffff) ?? assert.fail(),
        systemIdentifier: '7600000000000000001',
        serverVersion: 150004,
        toolVersion: 'pg_basebackup (PostgreSQL) 15.4',
        basedOnTaskId: 3,
        details: { compression: 'zstd', tablespaces: 2, isStandby: true },
      };
      await test.queue.complete(first, { state: 'succeeded', result });
      await fail(test, await mustClaim(test, 'a'), 'disk full');
      const all = await test.queue.tasks();
      assert.deepEqual(all[1], {
        taskId: first.taskId,
        kind: 'base',
        cluster: 'c1',
        host: 'a',
        sourceServer: 'c1',
        state: 'succeeded',
        dueAtMs: first.dueAtMs,
        startedAtMs: first.startedAtMs,
        heartbeatAtMs: test.nowMs,
        leaseUntilMs: first.leaseUntilMs,
        endedAtMs: test.nowMs,
        progress: undefined,
        error: undefined,
        result,
      });
      assert.deepEqual([all[0]?.state, all[0]?.error, all[0]?.result], ['failed', 'disk full', {}]);
      const ids = async (filter: Parameters<typeof test.queue.tasks>[0]) =>
        (await test.queue.tasks(filter)).map(({ cluster }) => cluster);
      assert.deepEqual(await ids({ limit: 1 }), ['c2']);
      assert.deepEqual(await ids({ beforeTaskId: all[0]?.taskId ?? 0 }), ['c1']);
      assert.deepEqual(await ids({ states: ['failed', 'lost'] }), ['c2']);
      assert.deepEqual(await ids({ cluster: 'c1', kind: 'base', host: 'a' }), ['c1']);
      assert.deepEqual(await ids({ host: 'b' }), []);
    },
  },
  {
    title: 'a verification is recorded once',
    async check(test) {
      const verification: Verification = {
        id: randomUUID(),
        taskId: 12,
        cluster: 'main',
        host: 'a',
        name: 'data.master.12',
        method: 'restore',
        startedAtMs: test.nowMs,
        endedAtMs: test.nowMs + HOUR,
        ok: false,
        error: 'rows are missing',
        details: { rows: 3 },
      };
      await test.queue.recordVerification(verification);
      await test.queue.recordVerification({ ...verification, ok: true });
      const other = { ...verification, id: randomUUID(), taskId: undefined, error: undefined, ok: true, cluster: 'c2' };
      await test.queue.recordVerification({ ...other, endedAtMs: test.nowMs + 2 * HOUR });
      assert.deepEqual(await test.queue.verifications({ cluster: 'main' }), [verification]);
      assert.deepEqual(
        (await test.queue.verifications()).map(({ cluster }) => cluster),
        ['c2', 'main'],
      );
    },
  },
  {
    title: 'hosts that ask are noted, to the minute',
    async check(test) {
      assert.equal(await claim(test, 'a'), undefined);
      const firstMs = test.nowMs;
      test.nowMs += 59_000;
      assert.equal(await claim(test, 'a'), undefined);
      assert.equal((await test.queue.state()).hosts[0]?.seenAtMs, firstMs);
      test.nowMs += 1_000;
      assert.equal(await claim(test, 'a'), undefined);
      assert.equal((await test.queue.state()).hosts[0]?.seenAtMs, test.nowMs);
    },
  },
];
