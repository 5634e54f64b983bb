import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { ArchiverReport, ServerReport } from '../../model/server-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import {
  critical,
  judgeKnown,
  notKnown,
  type Opinion,
  ok,
  type Question,
  type Rule,
  secondsMeasure,
  warning,
} from '../rule.ts';
import { fullIn } from './host-rules.ts';

const noServers = 'no servers are configured: give --servers, or leave this rule out with --skip';

export const servers: Rule = {
  name: 'servers',
  summary: 'a configured database server does not answer',
  judge({ servers: all }) {
    if (all.length === 0) return [notKnown(noServers)];
    const silent = all.flatMap(({ role }) => (role.known ? [] : [role.reason]));
    return [silent.length === 0 ? ok(`${all.map(({ name }) => name).join(', ')} answer`) : warning(silent.join('; '))];
  },
};

export const primary: Rule = {
  name: 'primary',
  summary: 'there is no primary, or more than one, or it is not the expected one, or it has a new timeline',
  judge: (cluster, question) => [...judgePrimary(cluster, question), ...judgePatroni(cluster)],
};

function judgePrimary(
  { servers: all, role }: ClusterReport,
  { nowMs, thresholds: { roleChangedMs } }: Question,
): Opinion[] {
  const { expectedPrimary, primaries, timeline, timelineSinceAtMs } = role;
  if (!primaries.known) return [notKnown(primaries.reason)];
  const names = primaries.value;
  const [name] = names;
  if (name === undefined) return [critical('no server is a primary')];
  if (names.length > 1) return [critical(`${names.join(' and ')} both say that they are the primary`)];
  if (expectedPrimary !== null && !isServer(name, expectedPrimary)) {
    const since =
      timelineSinceAtMs.known && timelineSinceAtMs.value !== null ? `, since ${timeText(timelineSinceAtMs.value)}` : '';
    return [warning(`the primary is ${name}, and not ${expectedPrimary}${since}`)];
  }
  const silent = all.flatMap((server) => (server.role.known ? [] : [server.role.reason]));
  const since = judgeKnown(timelineSinceAtMs, (atMs) => {
    const id = timeline.known ? ` on timeline ${timeline.value}` : '';
    if (atMs === null || nowMs - atMs > roleChangedMs) return ok(`${name} is the primary${id}`);
    return warning(`${name} is the primary${id} since ${timeText(atMs)}`);
  });
  // One that does not answer may believe that it is the primary, too.
  return silent.length === 0 ? [since] : [since, notKnown(silent.join('; '))];
}

function judgePatroni({ role: { patroni, primaries } }: ClusterReport): Opinion[] {
  if (patroni === null) return [];
  const opinion = judgeKnown(patroni, ({ leader, members, isPaused }) => {
    if (leader === null) return critical('Patroni knows of no leader');
    const { host, port } = members.find((member) => member.name === leader) ?? { host: '', port: null };
    const isSame =
      !primaries.known || primaries.value.some((it) => isServer(it, leader) || isServer(it, `${host}:${port ?? 5432}`));
    // A member may be known by an address here and by a name there: that they differ proves nothing.
    const doubt = isSame ? '' : `, at ${host}`;
    return isPaused
      ? warning(`Patroni is paused; ${leader} is the leader${doubt}`)
      : ok(`Patroni: ${leader} is the leader${doubt}`);
  });
  return [opinion];
}

/** "db1" is "db1:5432", and "db1:5433" is only itself. */
export function isServer(name: string, wanted: string): boolean {
  return name === wanted || name.slice(0, name.lastIndexOf(':')) === wanted;
}

function timeText(atMs: number): string {
  return `${new Date(atMs).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
}

/** With half of archive_timeout a stopped archiver is told within twice that: a segment may be switched after once. */
const mostPatienceMs = 60_000;

export const archiver: Rule = {
  name: 'archiver',
  summary: 'the primary’s archiver fails, or does nothing although files wait for it',
  judge({ servers: all, role }, { thresholds: { archiverStoppedMs } }) {
    if (all.length === 0) return [notKnown(noServers)];
    if (!role.primaries.known) return [notKnown(role.primaries.reason)];
    const primaries = all.filter((server) => server.role.known && server.role.value === 'primary');
    if (primaries.length === 0) return [notKnown('no server is a primary')];
    return primaries.map((server) => judgeArchiver(server, archiverStoppedMs));
  },
};

/** By the server's own clock. An idle server has nothing to archive: only a file that waits makes it a fault. */
function judgeArchiver(
  { name, archiver: cell, ready, nowAtMs, lsn, segmentSizeBytes }: ServerReport,
  stoppedMs: number | undefined,
): Opinion {
  if (!cell.known) return notKnown(cell.reason);
  if (!nowAtMs.known) return notKnown(nowAtMs.reason);
  const facts = cell.value;
  if (facts.mode === 'off') return critical(`archive_mode is off on ${name}`);
  const limitMs = stoppedMs ?? Math.min(facts.timeoutMs ?? mostPatienceMs, mostPatienceMs) / 2;
  const idleMs = facts.lastArchivedAtMs === null ? Number.POSITIVE_INFINITY : nowAtMs.value - facts.lastArchivedAtMs;
  const measures = Number.isFinite(idleMs) ? [secondsMeasure('last_archived', Math.max(0, idleMs))] : [];
  const trouble = failing(facts);
  if (!ready.known) {
    // Without a look at pg_wal: a finished segment after the last archived one waits, since when is not known.
    if (!lsn.known) return notKnown(lsn.reason);
    if (!segmentSizeBytes.known) return notKnown(segmentSizeBytes.reason);
    const waits = finishedAfter(facts.lastArchivedWal, lsn.value, segmentSizeBytes.value);
    if (waits === undefined) return notKnown(ready.reason);
    if (waits && idleMs > limitMs)
      return critical(`the archiver of ${name} has done nothing for ${spanOf(idleMs)}${because(trouble)}`, ...measures);
    return trouble === undefined
      ? ok(`the archiver of ${name} works`, ...measures)
      : warning(`the archiver of ${name} fails${because(trouble)}`, ...measures);
  }
  const { count, oldestAtMs } = ready.value;
  const waitMs = oldestAtMs === null ? 0 : Math.max(0, nowAtMs.value - oldestAtMs);
  const all = [...measures, { label: 'archive_queue', value: count, unit: '' } as const];
  if (count > 0 && waitMs > limitMs && idleMs > limitMs) {
    const since = `${count} files wait, the first since ${spanOf(waitMs)}`;
    return critical(
      `the archiver of ${name} ${trouble === undefined ? 'has stopped' : 'fails'}: ${since}${because(trouble)}`,
      ...all,
    );
  }
  if (trouble !== undefined && count > 0) return warning(`the archiver of ${name} fails${because(trouble)}`, ...all);
  return ok(count === 0 ? `nothing waits for the archiver of ${name}` : `the archiver of ${name} works`, ...all);
}

/** What failed last, unless something was archived since. */
function failing({ lastFailedAtMs, lastArchivedAtMs, lastFailedWal, failedCount }: ArchiverReport): string | undefined {
  if (lastFailedAtMs === null || lastFailedAtMs <= (lastArchivedAtMs ?? 0)) return undefined;
  return `${lastFailedWal ?? 'a file'} failed last, ${failedCount} failures in all`;
}

function because(trouble: string | undefined): string {
  return trouble === undefined ? '' : ` (${trouble})`;
}

function spanOf(ms: number): string {
  return Number.isFinite(ms) ? formatSpan(ms) : 'ever';
}

/** Whether a segment after the last archived one is finished; undefined when the names say nothing. */
function finishedAfter(lastArchived: string | null, lsn: string | null, segmentBytes: number): boolean | undefined {
  const [, high = '', low = ''] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/.exec(lsn ?? '') ?? [];
  if (high === '') return undefined;
  const perLog = 2 ** 32 / segmentBytes;
  const current = Number.parseInt(high, 16) * perLog + Math.floor(Number.parseInt(low, 16) / segmentBytes);
  if (lastArchived === null || !/^[0-9A-F]{24}/.test(lastArchived)) return undefined;
  const archived =
    Number.parseInt(lastArchived.slice(8, 16), 16) * perLog + Number.parseInt(lastArchived.slice(16, 24), 16);
  return current > archived + 1;
}

export const pgWal: Rule = {
  name: 'pg-wal',
  summary: 'the disk of the primary’s pg_wal will soon be full; known on that machine only',
  isAdvisory: true,
  judge({ servers: all }, { nowMs, thresholds: { walFullIn, diskUsedPercent } }) {
    const primaries = all.filter((server) => server.role.known && server.role.value === 'primary');
    if (primaries.length === 0) return [notKnown('no primary answers')];
    return primaries.flatMap(({ name, walDisk, walFullAtMs }) => [
      judgeKnown(walDisk, ({ freeBytes, totalBytes }) => {
        const used = totalBytes === 0 ? 100 : 100 * (1 - freeBytes / totalBytes);
        const text = `the disk of pg_wal on ${name} is ${Math.floor(used)} % full`;
        if (used > diskUsedPercent.critical) return critical(text);
        return used > diskUsedPercent.warning ? warning(text) : ok(text);
      }),
      judgeKnown(walFullAtMs, (atMs) => fullIn(`the disk of pg_wal on ${name}`, atMs, nowMs, walFullIn)),
    ]);
  },
};
