import { followWal, type Reach } from '@archive2/core/backups/follow-wal.ts';
import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import { type JoinedWal, joinWal, newestTimeline } from '@archive2/core/backups/joined-wal.ts';
import { wayTo } from '@archive2/core/backups/way-to.ts';
import { listCandidates } from './choose-backup.ts';
import type { Candidate, SurveyedPlace } from './restore-plan.ts';

/** Points in time that can be restored: all between two moments. Milliseconds since the Unix epoch. */
export interface Window {
  readonly fromMs: number;
  readonly toMs: number;
}

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

/** What they cover together, by time, without overlaps. A backup whose WAL ends at once covers its own end. */
export function windowsOf(restorable: readonly Restorable[]): Window[] {
  const windows = restorable.flatMap(({ candidate: { backup }, reach }): Window[] => {
    const fromMs = backup.endedMs;
    if (fromMs === undefined || reach.last === undefined) return [];
    return [{ fromMs, toMs: Math.max(fromMs, reach.endMs ?? fromMs) }];
  });
  const joined: Window[] = [];
  for (const window of windows.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const last = joined.at(-1);
    if (last === undefined || window.fromMs > last.toMs) joined.push(window);
    else joined[joined.length - 1] = { fromMs: last.fromMs, toMs: Math.max(last.toMs, window.toMs) };
  }
  return joined;
}
