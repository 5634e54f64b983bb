import { known, unknown } from '../../../packages/archive-status/src/model/known.ts';
import type { ClusterReport } from '../../../packages/archive-status/src/model/status-report.ts';
import {
  days,
  healthyBackup,
  healthyDrill,
  healthySchedule,
  hours,
  type Mutable,
  minutes,
  nowMs,
  seconds,
} from './healthy-cluster.ts';

type Change = (cluster: Mutable<ClusterReport>) => void;

/** A state that a rule must alarm at, and its nearest neighbour, at which it must not. */
export interface Alarm {
  rule: string;
  fact: string;
  level: 'warning' | 'critical' | 'unknown';
  state: Change;
  /** Undefined: where the healthy cluster is the neighbour. */
  neighbour?: Change;
}

const silent = unknown('arch2 does not answer');

function host(cluster: Mutable<ClusterReport>, index: number) {
  const found = cluster.hosts[index];
  if (found === undefined) throw new Error('no such host');
  return found;
}

function server(cluster: Mutable<ClusterReport>, index: number) {
  const found = cluster.servers[index];
  if (found === undefined) throw new Error('no such server');
  return found;
}

function valueOf<T>(cell: { known: true; value: T } | { known: false }): T {
  if (!cell.known) throw new Error('not known');
  return cell.value;
}

/** Every cell of a host but the cooldown, as of one that does not answer. */
function silence(cluster: Mutable<ClusterReport>, index: number): void {
  const it = host(cluster, index) as unknown as Record<string, { known?: boolean }>;
  for (const [key, cell] of Object.entries(it)) {
    if (key !== 'cooldown' && typeof cell === 'object' && 'known' in cell) it[key] = silent;
  }
  cluster.wal.singleCopies = silent;
  cluster.wal.holes = silent;
}

function backupsAt(...agesMs: (number | undefined)[]): Change {
  return (cluster) => {
    for (const [index, ageMs] of agesMs.entries()) {
      const last = ageMs === undefined ? null : healthyBackup(`arch${index + 1}`, index, ageMs);
      host(cluster, index).lastBackup = known(last);
      host(cluster, index).backups = known(last === null ? [] : [last]);
    }
    cluster.queue = null;
  };
}

function singleCopy(ageMs: number, count = 1): Change {
  return (cluster) => {
    const at = nowMs - ageMs;
    const name = '00000001000000000000000A';
    cluster.wal.singleCopies = known([
      { host: 'arch1', timeline: 1, from: name, to: name, count, fromAtMs: at, toAtMs: at },
    ]);
  };
}

/** The newest segment of arch1 is not on arch2, and the archiver was at work so long ago. */
function newestAlone(archivedMs: number): Change {
  return (cluster) => {
    const name = '000000010000000000000013';
    const at = nowMs - 40 * minutes;
    cluster.wal.singleCopies = known([
      { host: 'arch1', timeline: 1, from: name, to: name, count: 1, fromAtMs: at, toAtMs: at },
    ]);
    valueOf(server(cluster, 0).archiver).lastArchivedAtMs = nowMs - archivedMs;
  };
}

function debts(count: number, ageMs: number, growth = 0): Change {
  return (cluster) => {
    host(cluster, 0).debts = known({ count, oldestAtMs: count === 0 ? null : nowMs - ageMs });
    host(cluster, 0).debtsGrowth = known(growth);
  };
}

function hole(accepted: boolean): Change {
  return (cluster) => {
    cluster.wal.holes = known([
      {
        timeline: 1,
        from: '000000010000000000000009',
        to: '000000010000000000000009',
        count: 1,
        fromAtMs: nowMs - days,
        toAtMs: nowMs - days,
        accepted: accepted ? { who: 'ann', why: 'lost in a test', atMs: nowMs - hours } : null,
      },
    ]);
  };
}

/** Files wait since `waitMs`, and the archiver did its last work `idleMs` ago. The server writes two segments further on. */
function waiting(count: number, waitMs: number, idleMs: number, timeoutMs: number | null = 60 * seconds): Change {
  return (cluster) => {
    const primary = server(cluster, 0);
    primary.ready = known({ count, oldestAtMs: count === 0 ? null : nowMs - waitMs });
    const archiver = valueOf(primary.archiver);
    archiver.lastArchivedAtMs = nowMs - idleMs;
    archiver.timeoutMs = timeoutMs;
    if (count > 0) primary.lsn = known('0/15001000');
  };
}

/** For a login without pg_monitor: what waits is not known, only where the server is. */
function withoutLook(lsn: string, idleMs: number): Change {
  return (cluster) => {
    waiting(0, 0, idleMs)(cluster);
    server(cluster, 0).ready = unknown('the login may not look into pg_wal');
    server(cluster, 0).lsn = known(lsn);
  };
}

function failedAfter(ms: number, count: number): Change {
  return (cluster) => {
    waiting(count, 10 * seconds, 40 * seconds)(cluster);
    const archiver = valueOf(server(cluster, 0).archiver);
    archiver.lastFailedAtMs = (archiver.lastArchivedAtMs ?? 0) + ms;
  };
}

function schedule(
  kind: string,
  spacingMs: number,
  change: (it: Mutable<ReturnType<typeof healthySchedule>>) => void,
): Change {
  return (cluster) => {
    const it = structuredClone(healthySchedule(kind, spacingMs)) as Mutable<ReturnType<typeof healthySchedule>>;
    change(it);
    cluster.queue = known({ nowAtMs: nowMs, schedules: [it] });
  };
}

function runningFor(tookMs: number, expectedMs: number | null): Change {
  return schedule('base', days, (it) => {
    const startedAtMs = nowMs - tookMs;
    const beat = { heartbeatAtMs: nowMs - 10 * seconds, leaseUntilAtMs: nowMs + 10 * minutes };
    it.condition = 'running';
    it.running = { taskId: 3, host: 'arch1', startedAtMs, ...beat, doneBytes: 1, totalBytes: 4, expectedMs };
  });
}

function drills(...all: { ageMs: number; ok: boolean; host?: string }[]): Change {
  return (cluster) => {
    cluster.drills = known(
      all.map(({ ageMs, ok, host: at = 'arch1' }) => ({
        ...healthyDrill(ageMs),
        ok,
        host: at,
        error: ok ? null : 'a check failed',
        checks: [],
      })),
    );
  };
}

function diskUsed(percent: number): Change {
  return (cluster) => {
    host(cluster, 1).disk = known({ freeBytes: 1000 - percent * 10, totalBytes: 1000, freeInodes: 9 });
  };
}

function primaries(...names: string[]): Change {
  return (cluster) => {
    cluster.role.primaries = known(names);
  };
}

export const alarms: readonly Alarm[] = [
  { rule: 'hosts', fact: 'one host does not answer', level: 'warning', state: (it) => silence(it, 1) },
  {
    rule: 'hosts',
    fact: 'no host answers',
    level: 'critical',
    state: (it) => [0, 1].forEach((index) => silence(it, index)),
  },
  {
    rule: 'servers',
    fact: 'a server does not answer',
    level: 'warning',
    state: (it) => (server(it, 1).role = unknown('db2: gone')),
  },
  { rule: 'servers', fact: 'none is configured', level: 'unknown', state: (it) => (it.servers = []) },
  { rule: 'primary', fact: 'no server is a primary', level: 'critical', state: primaries() },
  { rule: 'primary', fact: 'two servers are primaries', level: 'critical', state: primaries('db1:5432', 'db2:5432') },
  {
    rule: 'primary',
    fact: 'it is another one',
    level: 'warning',
    state: primaries('db2:5432'),
    neighbour: primaries('db1:5432'),
  },
  {
    rule: 'primary',
    fact: 'its timeline is half an hour old',
    level: 'warning',
    state: (it) => (it.role.timelineSinceAtMs = known(nowMs - 30 * minutes)),
    neighbour: (it) => (it.role.timelineSinceAtMs = known(nowMs - 61 * minutes)),
  },
  {
    rule: 'primary',
    fact: 'Patroni has no leader',
    level: 'critical',
    state: (it) => (it.role.patroni = known({ leader: null, isPaused: false, members: [] })),
    neighbour: (it) => (it.role.patroni = known({ leader: 'db1', isPaused: false, members: [] })),
  },
  {
    rule: 'primary',
    fact: 'Patroni does not answer',
    level: 'unknown',
    state: (it) => (it.role.patroni = unknown('no answer')),
  },
  {
    rule: 'identity',
    fact: 'a host holds another cluster',
    level: 'critical',
    state: (it) => (valueOf(host(it, 1).identity)!.systemIdentifier = '42'),
    neighbour: (it) => (host(it, 1).identity = known(null)),
  },
  {
    rule: 'identity',
    fact: 'a server is of another cluster',
    level: 'critical',
    state: (it) => (server(it, 1).systemIdentifier = known('42')),
  },
  {
    rule: 'identity',
    fact: 'both names lead to one archive',
    level: 'critical',
    state: (it) => (host(it, 1).storeId = host(it, 0).storeId),
  },
  {
    rule: 'archiver',
    fact: 'archive_mode is off',
    level: 'critical',
    state: (it) => (valueOf(server(it, 0).archiver).mode = 'off'),
  },
  {
    rule: 'archiver',
    fact: 'a file waits, and nothing is archived for half of archive_timeout',
    level: 'critical',
    state: waiting(1, 31 * seconds, 31 * seconds),
    neighbour: waiting(1, 29 * seconds, 61 * seconds),
  },
  {
    rule: 'archiver',
    fact: 'with a short archive_timeout it alarms sooner',
    level: 'critical',
    state: waiting(1, 6 * seconds, 6 * seconds, 10 * seconds),
    neighbour: waiting(0, 0, 5 * days, 10 * seconds),
  },
  {
    rule: 'archiver',
    fact: 'without archive_timeout a file that waits for half a minute is enough',
    level: 'critical',
    state: waiting(1, 31 * seconds, 5 * days, null),
    neighbour: waiting(0, 0, 5 * days, null),
  },
  {
    rule: 'archiver',
    fact: 'a long queue is no stop while something is archived',
    level: 'critical',
    state: waiting(500, 20 * minutes, 2 * minutes),
    neighbour: waiting(500, 20 * minutes, 2 * seconds),
  },
  {
    rule: 'archiver',
    fact: 'the last call failed, and the file waits',
    level: 'warning',
    state: failedAfter(1, 1),
    neighbour: failedAfter(-1, 1),
  },
  {
    rule: 'archiver',
    fact: 'without a look at pg_wal: a finished segment is not archived for half a minute',
    level: 'critical',
    state: withoutLook('0/15000100', 31 * seconds),
    neighbour: withoutLook('0/14FFFFFF', days),
  },
  {
    rule: 'wal',
    fact: 'more than 256 MB lack',
    level: 'warning',
    state: (it) => (it.wal.lag = known({ segments: 17, bytes: 17 * 2 ** 24 })),
    neighbour: (it) => (it.wal.lag = known({ segments: 16, bytes: 16 * 2 ** 24 })),
  },
  {
    rule: 'wal',
    fact: 'more than 1 GB lacks',
    level: 'critical',
    state: (it) => (it.wal.lag = known({ segments: 65, bytes: 65 * 2 ** 24 })),
  },
  {
    rule: 'copies',
    fact: 'a segment is on one host for 31 s',
    level: 'warning',
    state: singleCopy(31 * seconds),
    neighbour: singleCopy(29 * seconds),
  },
  {
    rule: 'copies',
    fact: 'a segment is on one host for more than an hour',
    level: 'critical',
    state: singleCopy(61 * minutes),
  },
  {
    rule: 'copies',
    fact: 'the newest segment stays alone after the archiver’s last work',
    level: 'warning',
    state: newestAlone(31 * seconds),
    neighbour: newestAlone(5 * seconds),
  },
  {
    rule: 'debts',
    fact: 'a debt is 31 s old',
    level: 'warning',
    state: debts(1, 31 * seconds),
    neighbour: debts(1, 29 * seconds),
  },
  {
    rule: 'debts',
    fact: 'a debt is over an hour old',
    level: 'critical',
    state: debts(1, 61 * minutes),
    neighbour: debts(0, 0),
  },
  {
    rule: 'debts',
    fact: 'young debts grow',
    level: 'warning',
    state: debts(40, 5 * seconds, 12),
    neighbour: debts(40, 5 * seconds, -3),
  },
  { rule: 'holes', fact: 'a segment is missing', level: 'critical', state: hole(false), neighbour: hole(true) },
  {
    rule: 'backup',
    fact: 'the newest is 25 h old',
    level: 'warning',
    state: backupsAt(25 * hours, 70 * hours),
    neighbour: backupsAt(70 * hours, 23 * hours),
  },
  { rule: 'backup', fact: 'the newest is 49 h old', level: 'critical', state: backupsAt(49 * hours, 70 * hours) },
  {
    rule: 'backup',
    fact: 'there is none',
    level: 'critical',
    state: backupsAt(undefined, undefined),
    neighbour: backupsAt(undefined, hours),
  },
  {
    rule: 'backup',
    fact: 'by a schedule of two days, the newest is 61 h old',
    level: 'warning',
    state: (it) => {
      backupsAt(61 * hours, 70 * hours)(it);
      schedule('base', 2 * days, () => undefined)(it);
    },
    neighbour: (it) => {
      backupsAt(59 * hours, 70 * hours)(it);
      schedule('base', 2 * days, () => undefined)(it);
    },
  },
  {
    rule: 'backup',
    fact: 'a host that is silent may have a younger one',
    level: 'unknown',
    state: (it) => {
      backupsAt(25 * hours, 2 * hours)(it);
      host(it, 1).lastBackup = silent;
    },
    neighbour: (it) => {
      backupsAt(23 * hours, 2 * hours)(it);
      host(it, 1).lastBackup = silent;
    },
  },
  {
    rule: 'dump',
    fact: 'the last hour’s is missing',
    level: 'warning',
    state: schedule('dump', hours, (it) => (it.lastGoodAtMs = nowMs - 76 * minutes)),
    neighbour: schedule('dump', hours, (it) => (it.lastGoodAtMs = nowMs - 74 * minutes)),
  },
  {
    rule: 'dump',
    fact: 'there is none',
    level: 'critical',
    state: schedule('dump', hours, (it) => (it.lastGoodAtMs = null)),
  },
  {
    rule: 'running',
    fact: 'it takes four times as long',
    level: 'warning',
    state: runningFor(4.1 * hours, hours),
    neighbour: runningFor(2.9 * hours, hours),
  },
  {
    rule: 'running',
    fact: 'nobody knows how long, and it takes a day',
    level: 'warning',
    state: runningFor(25 * hours, null),
    neighbour: runningFor(23 * hours, null),
  },
  {
    rule: 'queue',
    fact: 'a schedule is overdue',
    level: 'warning',
    state: schedule('base', days, (it) => (it.condition = 'overdue')),
    neighbour: schedule('base', days, (it) => (it.condition = 'paused')),
  },
  {
    rule: 'queue',
    fact: 'it does not know the cluster',
    level: 'warning',
    state: (it) => (it.queue = known({ nowAtMs: nowMs, schedules: [] })),
  },
  {
    rule: 'queue',
    fact: 'it cannot be asked',
    level: 'unknown',
    state: (it) => (it.queue = unknown('the queue is away')),
    neighbour: (it) => (it.queue = null),
  },
  {
    rule: 'drill',
    fact: 'the last one failed',
    level: 'critical',
    state: drills({ ageMs: days, ok: false }, { ageMs: 2 * days, ok: true }),
    neighbour: drills({ ageMs: days, ok: true }, { ageMs: 2 * days, ok: false }),
  },
  {
    rule: 'drill',
    fact: 'the last one on a host failed, though another host’s is good',
    level: 'critical',
    state: drills({ ageMs: days, ok: true }, { ageMs: 2 * days, ok: false, host: 'arch2' }),
  },
  {
    rule: 'drill',
    fact: 'the last one is nine days ago',
    level: 'warning',
    state: drills({ ageMs: 9 * days, ok: true }),
    neighbour: drills({ ageMs: 7 * days, ok: true }),
  },
  { rule: 'drill', fact: 'none is recorded', level: 'warning', state: drills() },
  { rule: 'disk', fact: 'a disk is 86 % full', level: 'warning', state: diskUsed(86), neighbour: diskUsed(84) },
  { rule: 'disk', fact: 'a disk is 96 % full', level: 'critical', state: diskUsed(96) },
  {
    rule: 'disk-trend',
    fact: 'it is full in six days',
    level: 'warning',
    state: (it) => (host(it, 0).diskFullAtMs = known(nowMs + 6 * days)),
    neighbour: (it) => (host(it, 0).diskFullAtMs = known(nowMs + 8 * days)),
  },
  {
    rule: 'disk-trend',
    fact: 'it is full in an hour',
    level: 'critical',
    state: (it) => (host(it, 0).diskFullAtMs = known(nowMs + hours)),
  },
  {
    rule: 'pg-wal',
    fact: 'it is full in an hour',
    level: 'critical',
    state: (it) => (server(it, 0).walFullAtMs = known(nowMs + hours)),
    neighbour: (it) => (server(it, 0).walFullAtMs = known(nowMs + 2 * days)),
  },
  {
    rule: 'pg-wal',
    fact: 'its disk is 86 % full',
    level: 'warning',
    state: (it) => (server(it, 0).walDisk = known({ freeBytes: 14, totalBytes: 100 })),
    neighbour: (it) => (server(it, 0).walDisk = known({ freeBytes: 16, totalBytes: 100 })),
  },
  {
    rule: 'archive',
    fact: 'contents were refused',
    level: 'warning',
    state: (it) => (host(it, 1).quarantined = known(1)),
  },
  {
    rule: 'archive',
    fact: 'a history file cannot be read',
    level: 'warning',
    state: (it) => (host(it, 1).problems = known([{ what: '00000002.history', reason: 'it ends within a position' }])),
  },
  {
    rule: 'coverage',
    fact: 'nothing can be restored',
    level: 'critical',
    state: (it) => (it.coverage = known({ ranges: [], totalMs: 0, isWhole: true, unusable: [] })),
  },
  {
    rule: 'coverage',
    fact: 'a complete backup cannot be restored',
    level: 'warning',
    state: (it) =>
      (valueOf(it.coverage).unusable = [{ name: 'data.master.7', hosts: ['arch1'], problem: 'its WAL is on no host' }]),
  },
  {
    rule: 'coverage',
    fact: 'it cannot be restored from the host that answers',
    level: 'unknown',
    state: (it) => (it.coverage = known({ ranges: [], totalMs: 0, isWhole: false, unusable: [] })),
    neighbour: (it) => (valueOf(it.coverage).isWhole = false),
  },
  {
    rule: 'sync',
    fact: 'the hosts were not equal',
    level: 'warning',
    state: (it) => (valueOf(host(it, 0).lastSync)!.isEqual = false),
    neighbour: (it) => (host(it, 0).lastSync = known(null)),
  },
  {
    rule: 'cooldown',
    fact: 'a host is asked last',
    level: 'warning',
    state: (it) => (host(it, 1).cooldown = known({ failure: 'connection refused', untilAtMs: nowMs + 30 * seconds })),
  },
  {
    rule: 'agent',
    fact: 'it does not answer',
    level: 'warning',
    state: (it) => (valueOf(it.agents!)[0]!.answers = known(false)),
    neighbour: (it) => (valueOf(it.agents!)[0]!.answers = known(null)),
  },
  {
    rule: 'agent',
    fact: 'its last call failed',
    level: 'warning',
    state: (it) =>
      (valueOf(valueOf(it.agents!)[0]!.counters).lastFailure = {
        atMs: nowMs - seconds,
        code: 'disk_full',
        message: 'no space',
        name: null,
      }),
    neighbour: (it) =>
      (valueOf(valueOf(it.agents!)[0]!.counters).lastFailure = {
        atMs: nowMs - hours,
        code: 'disk_full',
        message: 'no space',
        name: null,
      }),
  },
  {
    rule: 'agent',
    fact: 'its counters cannot be read',
    level: 'unknown',
    state: (it) => (it.agents = unknown('damaged')),
    neighbour: (it) => (it.agents = null),
  },
  {
    rule: 'clock',
    fact: 'a host is 11 s ahead',
    level: 'warning',
    state: (it) => (host(it, 0).clockOffsetMs = known(11 * seconds)),
    neighbour: (it) => (host(it, 0).clockOffsetMs = known(9 * seconds)),
  },
  {
    rule: 'clock',
    fact: 'a server is an hour behind',
    level: 'critical',
    state: (it) => (server(it, 0).clockOffsetMs = known(-hours)),
  },
  {
    rule: 'clock',
    fact: 'the hosts differ by 16 s, though neither does by 10 from here',
    level: 'warning',
    state: (it) => {
      host(it, 0).clockOffsetMs = known(8 * seconds);
      host(it, 1).clockOffsetMs = known(-8 * seconds);
    },
    neighbour: (it) => {
      host(it, 0).clockOffsetMs = known(4 * seconds);
      host(it, 1).clockOffsetMs = known(-4 * seconds);
    },
  },
  {
    rule: 'clock',
    fact: 'a slow answer proves nothing',
    level: 'warning',
    state: (it) => (host(it, 0).clockOffsetMs = known(12 * seconds)),
    neighbour: (it) => {
      host(it, 0).clockOffsetMs = known(12 * seconds);
      host(it, 0).answerMs = known(4 * seconds);
    },
  },
];
