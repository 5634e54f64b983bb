/** Reports as the gatherer makes them, of clusters that are not there: for what turns reports into pages and metrics. */
import type { AgentReport } from '@archive2/archive-status/model/agent-report.ts';
import type { BackupReport, DrillReport, ScheduleReport } from '@archive2/archive-status/model/backup-report.ts';
import type { HostReport } from '@archive2/archive-status/model/host-report.ts';
import { known, type Unknown, unknown } from '@archive2/archive-status/model/known.ts';
import type { ServerReport } from '@archive2/archive-status/model/server-report.ts';
import type { ClusterReport, StatusReport } from '@archive2/archive-status/model/status-report.ts';
import type { WalBand } from '@archive2/archive-status/model/wal-report.ts';

export const NOW_MS = Date.UTC(2026, 10, 21, 15, 31, 20);
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;
const GIB = 2 ** 30;

export function madeUpReport(clusters: readonly ClusterReport[], change: Partial<StatusReport> = {}): StatusReport {
  return {
    schema: 1,
    program: '0.1.0',
    machine: 'monitor1',
    generatedAtMs: NOW_MS,
    gatheringMs: 240,
    clusters,
    ...change,
  };
}

/** A cluster that has nothing to complain about: two hosts, two servers, a queue, drills. */
export function healthyCluster(cluster = 'main', change: Partial<ClusterReport> = {}): ClusterReport {
  const hosts = [host('archive@arch1', { backups: [6, 4, 2] }), host('archive@arch2', { backups: [5, 3, 1] })];
  const newest = hosts[0]?.newest ?? unknown('there is no host');
  return {
    cluster,
    hosts,
    servers: [server('db1:5432', 'primary'), server('db2:5432', 'standby')],
    role: {
      expectedPrimary: 'db1:5432',
      primaries: known(['db1:5432']),
      timeline: known(1),
      timelineSinceAtMs: known(null),
      patroni: null,
    },
    wal: { newest, lag: known({ segments: 0, bytes: 4_321_000 }), singleCopies: known([]), holes: known([]) },
    newestBackup: hosts[1]?.lastBackup ?? known(null),
    queue: known({ nowAtMs: NOW_MS, schedules: [schedule()] }),
    drills: known([drill('drill-2', 2 * DAY_MS), drill('drill-1', 9 * DAY_MS - HOUR_MS)]),
    coverage: known({
      ranges: [range(6 * DAY_MS - 40 * MINUTE_MS, 2 * MINUTE_MS)],
      totalMs: 6 * DAY_MS - 42 * MINUTE_MS,
      isWhole: true,
      unusable: [],
    }),
    agents: known([agent()]),
    events: known([
      {
        atMs: NOW_MS - 3 * HOUR_MS,
        host: 'monitor1',
        event: 'backup-done',
        severity: 'info',
        fields: { name: 'data.master.6', ok: true },
      },
    ]),
    ...change,
  };
}

/** The same with one host gone, WAL on the other one only, a hole, a failed drill, a primary that fails to archive. */
export function troubledCluster(cluster = 'orders', change: Partial<ClusterReport> = {}): ClusterReport {
  const healthy = healthyCluster(cluster);
  const hole = {
    timeline: 1,
    from: '000000010000000A000000F0',
    to: '000000010000000A000000F3',
    count: 4,
    fromAtMs: NOW_MS - 2.5 * DAY_MS,
    toAtMs: NOW_MS - 2.4 * DAY_MS,
    accepted: null,
  };
  const parts: readonly WalBand[] = [
    band(7 * DAY_MS, 2.5 * DAY_MS),
    band(2.4 * DAY_MS, 30 * HOUR_MS),
    { ...band(30 * HOUR_MS, 2 * MINUTE_MS), timeline: 2 },
  ];
  return {
    ...healthy,
    hosts: [
      host(
        'archive@arch1',
        { backups: [6, 4, 2], broken: 1 },
        { wal: known(parts), debts: known({ count: 212, oldestAtMs: NOW_MS - 9 * HOUR_MS }) },
      ),
      goneHost('archive@arch2', 'connect timed out after 3 s'),
    ],
    servers: [
      {
        ...server('db1:5432', 'primary'),
        archiver: known({
          mode: 'on',
          timeoutMs: 60_000,
          archivedCount: 812,
          lastArchivedWal: null,
          lastArchivedAtMs: NOW_MS - 12 * MINUTE_MS,
          failedCount: 12,
          lastFailedWal: '000000020000000B00000012',
          lastFailedAtMs: NOW_MS - 20_000,
        }),
        ready: known({ count: 14, oldestAtMs: NOW_MS - 12 * MINUTE_MS }),
      },
      goneServer('db2:5432', 'connection refused'),
    ],
    wal: {
      newest: known(segment(2 * MINUTE_MS)),
      lag: known({ segments: 14, bytes: 14 * 16 * 2 ** 20 }),
      singleCopies: known([{ ...band(9 * HOUR_MS, 2 * MINUTE_MS), host: 'archive@arch1' }]),
      holes: known([hole]),
    },
    queue: known({
      nowAtMs: NOW_MS,
      schedules: [
        schedule({
          condition: 'running',
          running: {
            taskId: 4711,
            host: 'arch1',
            startedAtMs: NOW_MS - 50 * MINUTE_MS,
            heartbeatAtMs: NOW_MS - 8_000,
            leaseUntilAtMs: NOW_MS + 14 * MINUTE_MS,
            doneBytes: 212 * GIB,
            totalBytes: 340 * GIB,
            expectedMs: 71 * MINUTE_MS,
          },
        }),
      ],
    }),
    drills: known([
      drill('drill-3', 20 * HOUR_MS, {
        ok: false,
        error: 'the server did not reach its target',
        rtoMs: null,
        rpoMs: null,
      }),
      drill('drill-2', 4 * DAY_MS),
    ]),
    coverage: known({
      ranges: [
        { ...range(6 * DAY_MS, 2.5 * DAY_MS), missing: { from: hole.from, to: hole.to, count: hole.count } },
        range(2 * DAY_MS, 2 * MINUTE_MS),
      ],
      totalMs: 5.5 * DAY_MS - 2 * MINUTE_MS,
      isWhole: false,
      unusable: [{ name: 'data.master.11', hosts: ['arch1'], problem: '2 segments that it needs are missing' }],
    }),
    events: known([
      {
        atMs: NOW_MS - 9 * HOUR_MS,
        host: 'db1',
        event: 'host-failed',
        severity: 'warning',
        fields: { peer: 'arch2', reason: 'connect timed out after 3 s' },
      },
      {
        atMs: NOW_MS - 20 * HOUR_MS,
        host: 'arch1',
        event: 'drill-failed',
        severity: 'error',
        fields: { backup: 'data.master.6', ok: false },
      },
    ]),
    ...change,
  };
}

/** Nobody could be asked. */
export function unknownCluster(cluster: string, reason = 'no answer within 2 s'): ClusterReport {
  const gone = unknown(reason);
  return {
    cluster,
    hosts: [goneHost('archive@arch1', reason), goneHost('archive@arch2', reason)],
    servers: [goneServer('db1:5432', reason)],
    role: { expectedPrimary: null, primaries: gone, timeline: gone, timelineSinceAtMs: gone, patroni: null },
    wal: { newest: gone, lag: gone, singleCopies: gone, holes: gone },
    newestBackup: gone,
    queue: gone,
    drills: gone,
    coverage: gone,
    agents: null,
    events: gone,
  };
}

export function host(
  name: string,
  { backups, broken = 0 }: { backups: readonly number[]; broken?: number },
  change: Partial<HostReport> = {},
): HostReport {
  const own = backups.map((daysAgo): BackupReport => backup(name, daysAgo));
  const last = own.at(-1) ?? null;
  return {
    name,
    isLocal: false,
    answerMs: known(18),
    machine: known(name.replace(/^.*@/, '')),
    program: known('0.1.0'),
    clockOffsetMs: known(12),
    storeId: known(`store-of-${name}`),
    identity: known({ systemIdentifier: '7300000000000000001', segmentSizeBytes: 16 * 2 ** 20, postgresMajor: 17 }),
    newest: known(segment(2 * MINUTE_MS)),
    lag: known({ segments: 0, bytes: 4_321_000 }),
    debts: known({ count: 0, oldestAtMs: null }),
    debtsGrowth: known(0),
    disk: known({ freeBytes: 620 * GIB, totalBytes: 2000 * GIB, freeInodes: 1_000_000 }),
    diskFullAtMs: known(NOW_MS + 40 * DAY_MS),
    quarantined: known(0),
    pins: known(0),
    lastCleanupAtMs: known(NOW_MS - 5 * HOUR_MS),
    lastSync: known({ endedAtMs: NOW_MS - 5 * HOUR_MS, peer: 'arch2', isEqual: true }),
    problems: known([]),
    backups: known([
      ...own,
      ...Array.from({ length: broken }, () =>
        backup(name, 0.8, { name: 'data.master.9', state: 'abandoned', endedAtMs: null }),
      ),
    ]),
    lastBackup: known(last),
    wal: known([band(7 * DAY_MS, 2 * MINUTE_MS)]),
    cooldown: known(null),
    ...change,
  };
}

export function goneHost(name: string, reason: string): HostReport {
  const gone: Unknown = unknown(reason);
  return {
    ...host(name, { backups: [] }),
    answerMs: gone,
    machine: gone,
    program: gone,
    clockOffsetMs: gone,
    storeId: gone,
    identity: gone,
    newest: gone,
    lag: gone,
    debts: gone,
    debtsGrowth: gone,
    disk: gone,
    diskFullAtMs: gone,
    quarantined: gone,
    pins: gone,
    lastCleanupAtMs: gone,
    lastSync: gone,
    problems: gone,
    backups: gone,
    lastBackup: gone,
    wal: gone,
    cooldown: known({ failure: reason, untilAtMs: NOW_MS + 4 * MINUTE_MS }),
  };
}

export function server(name: string, role: 'primary' | 'standby'): ServerReport {
  return {
    name,
    nowAtMs: known(NOW_MS),
    answerMs: known(6),
    clockOffsetMs: known(0),
    role: known(role),
    systemIdentifier: known('7300000000000000001'),
    serverVersion: known(170_002),
    segmentSizeBytes: known(16 * 2 ** 20),
    timeline: known(1),
    timelineSinceAtMs: known(null),
    lsn: known('B/12003A40'),
    archiver: known({
      mode: 'on',
      timeoutMs: 60_000,
      archivedCount: 812,
      lastArchivedWal: '000000010000000B00000011',
      lastArchivedAtMs: NOW_MS - 2 * MINUTE_MS,
      failedCount: 0,
      lastFailedWal: null,
      lastFailedAtMs: null,
    }),
    ready: known({ count: 0, oldestAtMs: null }),
    walDirectory: known({ bytes: 3 * GIB, files: 192 }),
    walDisk: unknown('not on this machine'),
    walFullAtMs: unknown('not on this machine'),
  };
}

function goneServer(name: string, reason: string): ServerReport {
  const gone = unknown(reason);
  return {
    name,
    nowAtMs: gone,
    answerMs: gone,
    clockOffsetMs: gone,
    role: gone,
    systemIdentifier: gone,
    serverVersion: gone,
    segmentSizeBytes: gone,
    timeline: gone,
    timelineSinceAtMs: gone,
    lsn: gone,
    archiver: gone,
    ready: gone,
    walDirectory: gone,
    walDisk: gone,
    walFullAtMs: gone,
  };
}

export function backup(host: string, daysAgo: number, change: Partial<BackupReport> = {}): BackupReport {
  return {
    name: `data.master.${20 - Math.round(daysAgo)}`,
    host,
    state: 'complete',
    problem: null,
    startedAtMs: NOW_MS - daysAgo * DAY_MS,
    endedAtMs: NOW_MS - daysAgo * DAY_MS + 71 * MINUTE_MS,
    timeline: 1,
    startLsn: 'A/10000028',
    stopLsn: 'A/18000100',
    sizeBytes: 96 * GIB,
    sourceBytes: 340 * GIB,
    ...change,
  };
}

export function schedule(change: Partial<ScheduleReport> = {}): ScheduleReport {
  return {
    kind: 'base',
    condition: 'ok',
    spacingMs: DAY_MS,
    lastGoodAtMs: NOW_MS - DAY_MS,
    next: { host: 'arch1', atMs: NOW_MS + 9 * HOUR_MS },
    running: null,
    hosts: ['arch1', 'arch2'].map((name, index) => ({
      host: name,
      lastGoodAtMs: NOW_MS - (2 - index) * DAY_MS,
      lastAttempt: {
        state: 'succeeded',
        startedAtMs: NOW_MS - (2 - index) * DAY_MS,
        endedAtMs: NOW_MS - (2 - index) * DAY_MS + 71 * MINUTE_MS,
        error: null,
      },
      failures: 0,
      lastError: null,
      nextAtMs: NOW_MS + (index * 24 + 9) * HOUR_MS,
      needsAttention: false,
      isPaused: false,
      isAway: false,
    })),
    ...change,
  };
}

function drill(id: string, agoMs: number, change: Partial<DrillReport> = {}): DrillReport {
  const ok = change.ok ?? true;
  return {
    id,
    backup: 'data.master.16',
    from: 'arch1',
    host: 'arch1',
    method: 'restore',
    startedAtMs: NOW_MS - agoMs - 31 * MINUTE_MS,
    endedAtMs: NOW_MS - agoMs,
    ok,
    error: null,
    rtoMs: 22 * MINUTE_MS,
    rpoMs: 48_000,
    checks: [
      { name: 'server answers', ok, detail: null },
      { name: 'checksums', ok: true, detail: null },
      { name: 'newest row', ok, detail: ok ? null : 'the newest row is 4 h older than the target' },
    ],
    ...change,
  };
}

export function agent(): AgentReport {
  return {
    file: 'push-fe.0-20f479.metrics.json',
    counters: known({
      role: 'push',
      program: '0.1.0',
      dataDirectory: '/var/lib/postgresql/17/main',
      cluster: 'main',
      pid: 812,
      startedAtMs: NOW_MS - 3 * DAY_MS,
      writtenAtMs: NOW_MS - 1000,
      endedAtMs: null,
      countingSinceAtMs: NOW_MS - 30 * DAY_MS,
      lastSuccessAtMs: NOW_MS - 2 * MINUTE_MS,
      lastFailure: null,
      hosts: [],
      push: {
        ready: 3,
        readyAtMs: NOW_MS - 1000,
        underWay: 1,
        shipped: 812,
        failed: 2,
        failedCalls: 1,
        retries: 1,
        bytes: 812 * 16 * 2 ** 20,
        seconds: {
          count: 812,
          sum: 61.5,
          buckets: [
            { upToSeconds: 0.05, count: 300 },
            { upToSeconds: 0.1, count: 700 },
            { upToSeconds: 1, count: 810 },
            { upToSeconds: null, count: 812 },
          ],
        },
      },
      get: null,
    }),
    isAlive: known(true),
    answers: known(true),
  };
}

function band(fromAgoMs: number, toAgoMs: number): WalBand {
  return {
    timeline: 1,
    from: '000000010000000900000001',
    to: '000000010000000B00000011',
    count: Math.max(1, Math.round((fromAgoMs - toAgoMs) / MINUTE_MS)),
    fromAtMs: NOW_MS - fromAgoMs,
    toAtMs: NOW_MS - toAgoMs,
  };
}

function segment(agoMs: number) {
  return { name: '000000010000000B00000011', timeline: 1, endLsn: 'B/12000000', writtenAtMs: NOW_MS - agoMs };
}

function range(fromAgoMs: number, toAgoMs: number) {
  return {
    fromAtMs: NOW_MS - fromAgoMs,
    toAtMs: NOW_MS - toAgoMs,
    fromLsn: 'A/18000100',
    toLsn: 'B/12000000',
    fromTimeline: 1,
    toTimeline: 1,
    backup: 'data.master.14',
    hosts: ['arch1'],
    missing: null,
  };
}
