import { type CoverageWindow, coverageOf } from '@archive2/core/backups/coverage.ts';
import { followWal, type Reach } from '@archive2/core/backups/follow-wal.ts';
import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import { type JoinedWal, joinWal, newestTimeline } from '@archive2/core/backups/joined-wal.ts';
import { wayTo } from '@archive2/core/backups/way-to.ts';
import { listCandidates } from './choose-backup.ts';
import type { Candidate, SurveyedPlace } from './restore-plan.ts';

/** A backup and how far the WAL leads from it. */
export interface Restorable {
  readonly candidate: Candidate;
  readonly reach: Reach;
  /** False for one on a branch that the newest timeline does not come from. */
  readonly leadsToNewest: boolean;
}

/** Every complete backup of these hosts, oldest first, with their WAL joined. */
export function listRestorable(hosts: readonly SurveyedPlace[]): Restorable[] {
  const segmentSize = hosts.find(({ survey }) => survey.identity !== undefined)?.survey.identity?.segmentSize;
  if (segmentSize === undefined) return [];
  const wal = joinWal(
    hosts.map(({ survey }: { survey: HostSurvey }) => survey),
    segmentSize,
  );
  return listCandidates(hosts)
    .map((candidate) => reachOf(candidate, wal))
    .toSorted((a, b) => (a.candidate.backup.endedMs ?? 0) - (b.candidate.backup.endedMs ?? 0));
}

function reachOf(candidate: Candidate, wal: JoinedWal): Restorable {
  const { stop } = candidate.backup;
  const newest = newestTimeline(wal);
  const way = newest === undefined ? undefined : wayTo(newest, stop, wal);
  const own = wayTo(stop.timeline, stop, wal) ?? [];
  return { candidate, reach: followWal(stop, way ?? own, wal), leadsToNewest: way !== undefined };
}

/** The points in time that these hosts can restore together, as every command tells them. */
export function windowsOf(hosts: readonly SurveyedPlace[]): readonly CoverageWindow[] {
  const surveyed = hosts.map(({ place, survey }) => ({ name: place.name, survey }));
  return coverageOf(surveyed, []).windows;
}
