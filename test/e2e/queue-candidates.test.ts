import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../packages/core/src/postgres/connect.ts';
import type { Connection } from '../../packages/core/src/postgres/connection.ts';
import { judge, Occupation } from '../../packages/core/src/queue/claim-policy.ts';
import { initQueue } from '../../packages/core/src/queue/open-queue.ts';
import type { ClusterState, QueueState, RunningTask } from '../../packages/core/src/queue/queue-state.ts';
import { isOpenAt } from '../../packages/core/src/queue/start-window.ts';
import { pauseMs } from '../../packages/core/src/queue/turn-policy.ts';
import { QueueServer, queueLogin } from '../support/queue-server.ts';
import { aCluster, aSchedule, aState } from '../support/queue-state.ts';

const HOSTS = ['a', 'b', 'c'];
const NOW = Date.UTC(2026, 2, 29, 1);
const DAY = 86_400_000;

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
/** Around now, often at the same whole hours, so that the edges are met. */
const moment = fc.oneof(
  fc.integer({ min: -20 * 24, max: 6 }).map((hours) => NOW + hours * 3_600_000),
  fc.integer({ min: -20 * DAY, max: DAY }).map((ms) => NOW + ms),
);
/** Often what the clocks of the time zones below show at NOW. */
const minute = fc.oneof(fc.constantFrom(60, 180, 1260, 390, 720), fc.integer({ min: 0, max: 1439 }));
const seen = fc.oneof(fc.constantFrom(NOW, NOW - 6 * 3_600_000, NOW - 6 * 3_600_000 - 1), moment);
const turn = (host: string) =>
  fc.record({
    host: fc.constant(host),
    slotAtMs: maybe(moment),
    succeededAtMs: maybe(moment),
    failures: fc.integer({ min: 0, max: 4 }),
    notBeforeMs: maybe(moment),
    lastError: fc.constant(undefined),
  });
const schedule = (kind: 'base' | 'dump') =>
  fc
    .record({
      periodicityDays: fc.oneof(fc.constantFrom(0.5, 1, 4, 7), fc.double({ min: 0.01, max: 20, noNaN: true })),
      startWindow: maybe(fc.record({ fromMinute: minute, toMinute: minute })),
      priority: fc.integer({ min: -50, max: 50 }),
      enabled: fc.boolean(),
      failureLimit: fc.integer({ min: 1, max: 4 }),
      addedAtMs: moment,
      runNow: maybe(fc.record({ requestedAtMs: moment, host: maybe(fc.constantFrom(...HOSTS)) })),
      turns: fc.subarray(HOSTS).chain((hosts) => fc.tuple(...hosts.map(turn))),
    })
    .map((settings) => {
      const { startWindow } = settings;
      const isWindow = startWindow !== undefined && startWindow.fromMinute !== startWindow.toMinute;
      return aSchedule({ ...settings, kind, startWindow: isWindow ? startWindow : undefined });
    });
const cluster = (name: string) =>
  fc
    .record({
      archiveHosts: fc.subarray(HOSTS, { minLength: 1 }),
      sourceServer: fc.constantFrom('s1', 's2', name),
      timeZone: fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'),
      enabled: fc.boolean(),
      schedules: fc.tuple(schedule('base'), schedule('dump')),
    })
    .map((settings) => aCluster({ name, ...settings }));
const host = (name: string) =>
  fc.record({
    name: fc.constant(name),
    maxRunning: fc.integer({ min: 1, max: 3 }),
    enabled: fc.boolean(),
    seenAtMs: maybe(seen),
  });
const state = fc
  .record({
    nowMs: fc.oneof(fc.constant(NOW), moment),
    hosts: fc.subarray(HOSTS).chain((names) => fc.tuple(...names.map(host))),
    servers: fc.constantFrom([], [{ name: 's1', maxRunning: 2 }]),
    clusters: fc.tuple(cluster('c1'), cluster('c2'), cluster('c3'), cluster('c4')),
    running: fc.subarray(['c1/base', 'c2/base', 'c3/dump', 'c9/base']),
    runner: fc.constantFrom(...HOSTS),
  })
  .map(({ running, runner, ...rest }) =>
    aState({ ...rest, running: running.map((task) => runningTask(task, runner, rest.clusters)) }),
  );

function runningTask(task: string, runner: string, clusters: readonly ClusterState[]): RunningTask {
  const [name = '', kind] = task.split('/');
  const sourceServer = clusters.find((cluster) => cluster.name === name)?.sourceServer ?? 's1';
  const times = { dueAtMs: 0, startedAtMs: 0, heartbeatAtMs: 0, leaseUntilMs: NOW + 100 * DAY };
  const what = { taskId: 0, kind: kind === 'dump' ? ('dump' as const) : ('base' as const), progress: undefined };
  return { cluster: name, host: runner, sourceServer, ...times, ...what };
}

let server: QueueServer;
let connection: Connection;

beforeAll(async () => {
  server = QueueServer.start();
  server.createDatabase('queue');
  const conninfo = server.conninfo('queue');
  await initQueue({ kind: 'postgres', conninfo }, queueLogin);
  connection = await connect(conninfo, { ...queueLogin, wish: 'any', queryTimeoutMs: 30_000 });
  await connection.query('SET search_path = backup_queue');
});
afterAll(async () => {
  await connection.end();
  server.remove();
});

async function insert(table: string, rows: readonly Record<string, unknown>[]): Promise<void> {
  for (const row of rows) {
    const columns = Object.keys(row);
    const marks = columns.map((_, index) => `$${index + 1}`).join(', ');
    const override = table === 'task' ? 'OVERRIDING SYSTEM VALUE ' : '';
    await connection.query(
      `INSERT INTO ${table} (${columns.join(', ')}) ${override}VALUES (${marks})`,
      Object.values(row),
    );
  }
}

const at = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());

async function load({ hosts, servers, clusters, running }: QueueState): Promise<void> {
  await insert(
    'archive_host',
    hosts.map(({ name, maxRunning, enabled, seenAtMs }) => ({
      name,
      max_running: maxRunning,
      enabled,
      seen_at: at(seenAtMs),
    })),
  );
  await insert(
    'source_server',
    servers.map(({ name, maxRunning }) => ({ name, max_running: maxRunning })),
  );
  for (const cluster of clusters) {
    const { name, conninfo, archiveHosts, directory, sourceServer, timeZone, enabled, schedules } = cluster;
    const places = { archive_hosts: archiveHosts, directory, source_server: sourceServer, time_zone: timeZone };
    await insert('cluster', [{ name, conninfo, enabled, ...places }]);
    for (const schedule of schedules) {
      const { kind, priority, startWindow, runNow } = schedule;
      await insert('schedule', [
        {
          cluster: name,
          kind,
          periodicity_days: schedule.periodicityDays,
          window_from: startWindow?.fromMinute ?? null,
          window_to: startWindow?.toMinute ?? null,
          priority,
          enabled: schedule.enabled,
          failure_limit: schedule.failureLimit,
          added_at: at(schedule.addedAtMs),
          run_now_at: at(runNow?.requestedAtMs),
          run_now_host: runNow?.host ?? null,
        },
      ]);
      await insert(
        'turn',
        schedule.turns.map(({ host, slotAtMs, succeededAtMs, failures, notBeforeMs }) => {
          const moments = { slot_at: at(slotAtMs), succeeded_at: at(succeededAtMs), not_before: at(notBeforeMs) };
          return { cluster: name, kind, host, failures, ...moments };
        }),
      );
    }
  }
  await insert(
    'task',
    running.map(({ cluster, kind, host, sourceServer, leaseUntilMs }, index) => ({
      task_id: index,
      token: `00000000-0000-0000-0000-00000000000${index}`,
      kind,
      cluster,
      host,
      source_server: sourceServer,
      assignment: '{}',
      state: 'running',
      due_at: at(0),
      started_at: at(0),
      heartbeat_at: at(0),
      lease_seconds: 900,
      lease_until: at(leaseUntilMs),
    })),
  );
}

async function candidates(state: QueueState, host: string, force: boolean): Promise<unknown[]> {
  const ms = (column: string) => `(extract(epoch FROM ${column}) * 1000)::float8`;
  const { rows } = await connection.query(
    `SELECT cluster, kind, ${ms('due_at')} AS "dueAtMs", ${ms('rank')} AS "rankMs", is_run_now AS "isRunNow", obstacle
     FROM candidates($1, $2, $3) ORDER BY cluster, kind`,
    [host, at(state.nowMs), force],
  );
  return rows;
}

describe('the rules in SQL and the rules in TypeScript', () => {
  it('say the same of every schedule, in any state', async () => {
    const met = new Set<string>();
    await fc.assert(
      fc.asyncProperty(state, fc.constantFrom(...HOSTS), fc.boolean(), async (state, host, force) => {
        await connection.query('BEGIN');
        await load(state);
        const occupation = new Occupation(state.running);
        const expected = state.clusters.flatMap((cluster) =>
          cluster.schedules.map((schedule) => {
            const { obstacle = null, ...verdict } = judge(state, occupation, cluster, schedule, host, force);
            met.add(String(obstacle));
            return { cluster: cluster.name, kind: schedule.kind, ...verdict, obstacle };
          }),
        );
        const found = await candidates(state, host, force);
        await connection.query('ROLLBACK');
        expect(found).toEqual(expected);
      }),
      { numRuns: 400 },
    );
    // Else it would be the same about too little.
    expect([...met].sort()).toEqual(
      [
        'backed_off',
        'cluster_paused',
        'host_busy',
        'host_paused',
        'needs_attention',
        'not_due',
        'not_its_host',
        'null',
        'running',
        'schedule_paused',
        'server_busy',
        'window_closed',
      ].sort(),
    );
  });

  it('open start windows at the same minutes, in every zone, on the days when the clocks change', async () => {
    const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Australia/Lord_Howe'];
    const windows = [
      { fromMinute: 120, toMinute: 180 },
      { fromMinute: 150, toMinute: 151 },
      { fromMinute: 1380, toMinute: 90 },
      { fromMinute: 0, toMinute: 1439 },
    ];
    const days = [
      Date.UTC(2026, 2, 28, 12),
      Date.UTC(2026, 9, 24, 12),
      Date.UTC(2026, 10, 1),
      Date.UTC(2026, 3, 4, 12),
    ];
    for (const timeZone of zones) {
      for (const { fromMinute, toMinute } of windows) {
        const moments = days.flatMap((day) => Array.from({ length: 1500 }, (_, minute) => day + minute * 60_000 - 1));
        const { rows } = await connection.query(
          'SELECT array_agg(is_open($1, $2, $3, at) ORDER BY n) AS open FROM unnest($4::timestamptz[]) WITH ORDINALITY AS m (at, n)',
          [fromMinute, toMinute, timeZone, moments.map(at)],
        );
        expect(rows[0]?.open).toEqual(moments.map((ms) => isOpenAt({ fromMinute, toMinute }, timeZone, ms)));
      }
    }
  });

  it('pause as long after each failure', async () => {
    for (let failures = 1; failures <= 40; failures++) {
      const { rows } = await connection.query('SELECT extract(epoch FROM pause_after($1)) * 1000 AS ms', [failures]);
      expect(Number(rows[0]?.ms), `after ${failures}`).toBe(pauseMs(failures));
    }
  });
});
