import { type Coverage, coverageOf } from '@archive2/core/backups/coverage.ts';
import { formatLsn } from '@archive2/core/wal/lsn.ts';
import type { CoverageReport } from '../model/coverage-report.ts';
import { type Known, known, unknown } from '../model/known.ts';
import type { HostLook } from './cluster-look.ts';

/** What the hosts that answered hold together; unknown when none did. */
export function coverageOfLooks(hosts: readonly HostLook[]): Known<Coverage> {
  const answered = hosts.flatMap(({ name, survey }) => (survey.known ? [{ name, survey: survey.value }] : []));
  if (answered.length === 0) return unknown(silenceOf(hosts));
  const away = hosts.filter(({ survey }) => !survey.known).map(({ name }) => name);
  return known(coverageOf(answered, away));
}

/** Why hosts did not answer; empty when all did. */
export function silenceOf(hosts: readonly HostLook[]): string {
  return hosts.flatMap(({ survey }) => (survey.known ? [] : [survey.reason])).join('; ');
}

export function coverageReport({ ranges, totalMs, away, backups }: Coverage): CoverageReport {
  return {
    ranges: ranges.map(({ fromMs, toMs, backup, from, reach }) => ({
      fromAtMs: fromMs,
      toAtMs: toMs,
      fromLsn: formatLsn(from.lsn),
      toLsn: formatLsn(reach.end),
      fromTimeline: from.timeline,
      toTimeline: reach.timeline,
      backup: backup.name,
      hosts: backup.hosts,
      missing:
        reach.missing === undefined
          ? null
          : { from: reach.missing.from, to: reach.missing.to, count: reach.missing.count },
    })),
    totalMs,
    isWhole: away.length === 0,
    unusable: backups.flatMap(({ name, hosts, problem }) => (problem === undefined ? [] : [{ name, hosts, problem }])),
  };
}
