import { followWal, type Reach } from '@archive2/core/backups/follow-wal.ts';
import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import { type JoinedWal, joinWal, newestTimeline } from '@archive2/core/backups/joined-wal.ts';
import { wayTo } from '@archive2/core/backups/way-to.ts';
import type { Lsn } from '@archive2/core/wal/lsn.ts';
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

/**
 * What they cover together, by time, without overlaps. A backup whose WAL ends at once covers its own end. Two are one window where the
 * WAL of the earlier one leads to the later one, whatever the clocks of hosts and servers say.
 */
export function windowsOf(restorable: readonly Restorable[]): Window[] {
  const joined: { fromMs: number; toMs: number; end: Lsn }[] = [];
  for (const { candidate, reach } of restorable) {
    const { endedMs: fromMs, stop } = candidate.backup;
    if (fromMs === undefined || reach.last === undefined) continue;
    const toMs = Math.max(fromMs, reach.endMs ?? fromMs);
    const last = joined.at(-1);
    if (last === undefined || (fromMs > last.toMs && stop.lsn > last.end)) {
      joined.push({ fromMs, toMs, end: reach.end });
    } else {
      last.toMs = Math.max(last.toMs, toMs);
      last.end = last.end > reach.end ? last.end : reach.end;
    }
  }
  return joined.map(({ fromMs, toMs }) => ({ fromMs, toMs }));
}
