import type { AgentReport } from '../../../packages/archive-status/src/model/agent-report.ts';
import type {
  BackupReport,
  DrillReport,
  ScheduleReport,
} from '../../../packages/archive-status/src/model/backup-report.ts';
import type { HostReport } from '../../../packages/archive-status/src/model/host-report.ts';
import { known, unknown } from '../../../packages/archive-status/src/model/known.ts';
import type { ServerReport } from '../../../packages/archive-status/src/model/server-report.ts';
import type { ClusterReport } from '../../../packages/archive-status/src/model/status-report.ts';
import { parseThresholds } from '../../../packages/archive-status/src/settings/thresholds.ts';

export const nowMs = Date.parse('2026-11-21T12:00:00Z');
export const seconds = 1000;
export const minutes = 60 * seconds;
export const hours = 60 * minutes;
export const days = 24 * hours;

const thresholds = parseThresholds({}, (name) => `--${name}`);
export const question = { nowMs, thresholds };

export type Mutable<T> = T extends object ? { -readonly [Key in keyof T]: Mutable<T[Key]> } : T;

/** Segment 0x13 of timeline 1 is the newest archived one, the primary writes in 0x14. */
export function healthyCluster(): Mutable<ClusterReport> {
  const [arch1, arch2] = [healthyHost('arch1', 7, 20 * hours), healthyHost('arch2', 8, 8 * hours)];
  const cluster: ClusterReport = {
    cluster: 'main',
    hosts: [arch1, arch2],
    servers: [healthyPrimary(), healthyStandby()],
    role: {
      expectedPrimary: 'db1',
      primaries: known(['db1:5432']),
      timeline: known(1),
      timelineSinceAtMs: known(null),
      patroni: null,
    },
    wal: {
      newest: arch1.newest,
      lag: known({ segments: 0, bytes: 4096 }),
      singleCopies: known([]),
      holes: known([]),
    },
    newestBackup: arch2.lastBackup,
    queue: known({ nowAtMs: nowMs, schedules: [healthySchedule('base', days)] }),
    drills: known([healthyDrill(2 * days)]),
    coverage: known({
      ranges: [
        {
          fromAtMs: nowMs - 20 * hours,
          toAtMs: nowMs - 40 * seconds,
          fromLsn: '0/2000028',
          toLsn: '0/14000000',
          fromTimeline: 1,
          toTimeline: 1,
          backup: 'data.master.7',
          hosts: ['arch1'],
          missing: null,
        },
      ],
      totalMs: 20 * hours - 40 * seconds,
      isWhole: true,
      unusable: [],
    }),
    agents: known([healthyAgent()]),
    events: known([]),
  };
  return structuredClone(cluster) as Mutable<ClusterReport>;
}

function healthyHost(name: string, backup: number, ageMs: number): HostReport {
  const last = healthyBackup(name, backup, ageMs);
  return {
    name,
    isLocal: false,
    answerMs: known(40),
    machine: known(name),
    program: known('0.1.0'),
    clockOffsetMs: known(12),
    storeId: known(`store of ${name}`),
    identity: known({ systemIdentifier: '7710547627397989049', segmentSizeBytes: 2 ** 24, postgresMajor: 15 }),
    newest: known({
      name: '000000010000000000000013',
      timeline: 1,
      endLsn: '0/14000000',
      writtenAtMs: nowMs - 40 * seconds,
    }),
    lag: known({ segments: 0, bytes: 4096 }),
    debts: known({ count: 0, oldestAtMs: null }),
    debtsGrowth: known(0),
    disk: known({ freeBytes: 60 * 2 ** 30, totalBytes: 100 * 2 ** 30, freeInodes: 1_000_000 }),
    diskFullAtMs: known(null),
    quarantined: known(0),
    pins: known(0),
    lastCleanupAtMs: known(nowMs - 20 * hours),
    lastSync: known({ endedAtMs: nowMs - hours, peer: 'the other', isEqual: true }),
    problems: known([]),
    backups: known([last]),
    lastBackup: known(last),
    wal: known([
      {
        timeline: 1,
        from: '000000010000000000000002',
        to: '000000010000000000000013',
        count: 18,
        fromAtMs: nowMs - 3 * days,
        toAtMs: nowMs - 40 * seconds,
      },
    ]),
    cooldown: known(null),
  };
}

export function healthyBackup(host: string, number: number, ageMs: number): BackupReport {
  return {
    name: `data.master.${number}`,
    host,
    state: 'complete',
    problem: null,
    startedAtMs: nowMs - ageMs - 5 * minutes,
    endedAtMs: nowMs - ageMs,
    timeline: 1,
    startLsn: '0/2000028',
    stopLsn: '0/2000138',
    sizeBytes: 74 * 2 ** 20,
    sourceBytes: 1536 * 2 ** 20,
  };
}

function healthyPrimary(): ServerReport {
  return {
    ...healthyStandby(),
    name: 'db1:5432',
    role: known('primary'),
    lsn: known('0/14001000'),
    archiver: known({
      mode: 'on',
      timeoutMs: 60 * seconds,
      archivedCount: 19,
      lastArchivedWal: '000000010000000000000013',
      lastArchivedAtMs: nowMs - 40 * seconds,
      failedCount: 2,
      lastFailedWal: '000000010000000000000004',
      lastFailedAtMs: nowMs - 2 * days,
    }),
    ready: known({ count: 0, oldestAtMs: null }),
    walDisk: known({ freeBytes: 50 * 2 ** 30, totalBytes: 100 * 2 ** 30 }),
    walFullAtMs: known(null),
  };
}

function healthyStandby(): ServerReport {
  const elsewhere = unknown('the disk of db2:5432 is known only on that machine');
  return {
    name: 'db2:5432',
    nowAtMs: known(nowMs),
    answerMs: known(8),
    clockOffsetMs: known(3),
    role: known('standby'),
    systemIdentifier: known('7710547627397989049'),
    serverVersion: known(150_004),
    segmentSizeBytes: known(2 ** 24),
    timeline: known(1),
    timelineSinceAtMs: known(null),
    lsn: known('0/14000F00'),
    archiver: known({
      mode: 'on',
      timeoutMs: 60 * seconds,
      archivedCount: 0,
      lastArchivedWal: null,
      lastArchivedAtMs: null,
      failedCount: 0,
      lastFailedWal: null,
      lastFailedAtMs: null,
    }),
    ready: known({ count: 0, oldestAtMs: null }),
    walDirectory: known({ bytes: 64 * 2 ** 20, files: 8 }),
    walDisk: elsewhere,
    walFullAtMs: elsewhere,
  };
}

export function healthySchedule(kind: string, spacingMs: number): ScheduleReport {
  return {
    kind,
    condition: 'ok',
    spacingMs,
    lastGoodAtMs: nowMs - spacingMs / 3,
    next: { host: 'arch1', atMs: nowMs + (2 * spacingMs) / 3 },
    running: null,
    hosts: ['arch1', 'arch2'].map((host) => ({
      host,
      lastGoodAtMs: nowMs - spacingMs / 3,
      lastAttempt: {
        state: 'succeeded' as const,
        startedAtMs: nowMs - spacingMs / 3,
        endedAtMs: nowMs - spacingMs / 4,
        error: null,
      },
      failures: 0,
      lastError: null,
      nextAtMs: nowMs + spacingMs,
      needsAttention: false,
      isPaused: false,
      isAway: false,
    })),
  };
}

export function healthyDrill(ageMs: number): DrillReport {
  return {
    id: `drill ${ageMs}`,
    backup: 'data.master.7',
    from: 'arch1',
    host: 'arch1',
    method: 'restore',
    startedAtMs: nowMs - ageMs - 5 * minutes,
    endedAtMs: nowMs - ageMs,
    ok: true,
    error: null,
    rtoMs: 4 * minutes,
    rpoMs: 20 * seconds,
    checks: [],
  };
}

function healthyAgent(): AgentReport {
  const host = (name: string) => ({
    host: name,
    files: 19,
    debts: 0,
    failures: 0,
    lastSuccessAtMs: nowMs - 40 * seconds,
    lastFailureAtMs: null,
    lastFailure: null,
    coolingUntilAtMs: null,
  });
  return {
    file: 'push-fe.0-20f479.metrics.json',
    isAlive: known(true),
    answers: known(true),
    counters: known({
      role: 'push',
      program: '0.1.0',
      dataDirectory: '/var/lib/postgresql/15/main',
      cluster: 'main',
      pid: 99,
      startedAtMs: nowMs - hours,
      writtenAtMs: nowMs - 40 * seconds,
      endedAtMs: null,
      countingSinceAtMs: nowMs - days,
      lastSuccessAtMs: nowMs - 40 * seconds,
      lastFailure: null,
      hosts: [host('arch1'), host('arch2')],
      push: null,
      get: null,
    }),
  };
}
