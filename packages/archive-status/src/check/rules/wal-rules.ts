import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { HostReport } from '../../model/host-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import type { SingleCopies } from '../../model/wal-report.ts';
import { critical, judgeKnown, levelAbove, type Opinion, ok, type Question, type Rule, warning } from '../rule.ts';

/** Files that a sender may have in flight, and how long after the last one they may be; see inFlight. */
const inFlightSegments = 16;
const inFlightMs = 30_000;

export const wal: Rule = {
  name: 'wal',
  summary: 'the primary has finished segments that no archive host has',
  judge: ({ wal: { lag } }, { thresholds: { walLagBytes } }) => [
    judgeKnown(lag, ({ bytes, segments }) => {
      // The segment at work is not finished: there is nothing to archive of it.
      const behind = segments === 0 ? 0 : bytes;
      const text =
        segments === 0
          ? 'the archive has all finished WAL'
          : `${segments} segments (${formatBytes(bytes)}) are not archived`;
      const measure = { label: 'wal_lag', value: behind, unit: 'B', limits: walLagBytes } as const;
      return { level: levelAbove(behind, walLagBytes), text, measures: [measure] };
    }),
  ],
};

export const copies: Rule = {
  name: 'copies',
  summary: 'WAL that is needed is on one archive host only',
  judge(cluster, { nowMs, thresholds: { singleCopyAge } }) {
    if (cluster.hosts.length < 2) return [ok('one archive host is configured: everything is there once')];
    const opinion = judgeKnown(cluster.wal.singleCopies, (all) => {
      const alone = all.filter((run) => !inFlight(run, cluster));
      const count = alone.reduce((sum, run) => sum + run.count, 0);
      const measure = { label: 'single_copies', value: count, unit: '' } as const;
      const [oldest] = alone.toSorted((a, b) => a.fromAtMs - b.fromAtMs);
      if (oldest === undefined) return ok('all needed WAL is on both hosts', measure);
      const ageMs = nowMs - oldest.fromAtMs;
      const text = `${segmentsOf(count)} on one host only, ${oldest.from} on ${oldest.host} since ${formatSpan(Math.max(0, ageMs))}`;
      return { level: levelAbove(ageMs, singleCopyAge), text, measures: [measure] };
    });
    return [opinion];
  },
};

/**
 * Whether segments may just be on their way to the other host: the newest ones of a host, while the archiver is at work. What stays
 * behind is no longer among the newest when others have come, or when the archiver has nothing to do.
 */
function inFlight({ host, timeline, count, to }: SingleCopies, { hosts, servers }: ClusterReport): boolean {
  const newest = hosts.find(({ name }) => name === host)?.wal;
  const last = newest?.known === true ? newest.value.findLast((run) => run.timeline === timeline) : undefined;
  if (last === undefined || last.to !== to || count > inFlightSegments) return false;
  return servers.some(({ role, archiver, nowAtMs }) => {
    if (!role.known || role.value !== 'primary' || !archiver.known || !nowAtMs.known) return false;
    const { lastArchivedAtMs } = archiver.value;
    return lastArchivedAtMs !== null && nowAtMs.value - lastArchivedAtMs < inFlightMs;
  });
}

export const debts: Rule = {
  name: 'debts',
  summary: 'an archive host owes its peer files, for long or more and more',
  judge: ({ hosts }, question) => hosts.map((host) => debtsOfHost(host, question)),
};

function debtsOfHost({ name, debts, debtsGrowth }: HostReport, { nowMs, thresholds: { debtAge } }: Question): Opinion {
  return judgeKnown(debts, ({ count, oldestAtMs }) => {
    const measure = { label: `${name}_debts`, value: count, unit: '' } as const;
    if (count === 0) return ok(`${name} owes nothing`, measure);
    const ageMs = oldestAtMs === null ? 0 : Math.max(0, nowMs - oldestAtMs);
    const grows = debtsGrowth.known && debtsGrowth.value > 0;
    const text = `${name} owes ${filesOf(count)}, since ${formatSpan(ageMs)}${grows ? ', and more and more' : ''}`;
    const level = levelAbove(ageMs, debtAge);
    return { level: level === 'ok' && grows ? 'warning' : level, text, measures: [measure] };
  });
}

export const holes: Rule = {
  name: 'holes',
  summary: 'segments are missing on all hosts although later WAL is archived, and nobody has accepted that',
  judge: ({ wal: { holes: cell } }) => [
    judgeKnown(cell, (all) => {
      const open = all.filter(({ accepted }) => accepted === null);
      const count = open.reduce((sum, hole) => sum + hole.count, 0);
      const measure = { label: 'holes', value: count, unit: '' } as const;
      const [first] = open;
      if (first !== undefined)
        return critical(`${segmentsOf(count)} missing on all hosts, first ${first.from}`, measure);
      return ok(all.length === 0 ? 'no segment is missing' : 'what is missing has been accepted', measure);
    }),
  ],
};

export const sync: Rule = {
  name: 'sync',
  summary: 'the last wal-sync on a host did not leave both hosts equal',
  judge: ({ hosts }) =>
    hosts.map(({ name, lastSync }) =>
      judgeKnown(lastSync, (sync) => {
        if (sync === null) return ok(`no wal-sync is recorded on ${name}`);
        if (sync.isEqual) return ok(`wal-sync on ${name} found both hosts equal`);
        return warning(
          `the last wal-sync on ${name} did not leave both hosts equal: run it again, and see what it says`,
        );
      }),
    ),
};

function segmentsOf(count: number): string {
  return `${count} segment${count === 1 ? ' is' : 's are'}`;
}

function filesOf(count: number): string {
  return `${count} file${count === 1 ? '' : 's'}`;
}
