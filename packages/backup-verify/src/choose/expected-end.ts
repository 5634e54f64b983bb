import { followWal, type Reach } from '@archive2/core/backups/follow-wal.ts';
import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import { joinWal, newestTimeline } from '@archive2/core/backups/joined-wal.ts';
import { wayTo } from '@archive2/core/backups/way-to.ts';
import type { WalPlace } from '@archive2/core/wal/backup-label.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import type { TimelineId } from '@archive2/core/wal/timeline-id.ts';

/** Where a recovery from a backup has to get with what the archives have now. */
export interface ExpectedEnd {
  /** The newest timeline that the backup leads to. */
  readonly timeline: TimelineId;
  readonly reach: Reach;
  /** The newest timeline of all, where that is another branch. */
  readonly otherTimeline: TimelineId | undefined;
}

/** Follows the WAL of all hosts that answered from a backup on. Pure. */
export function expectedEnd(stop: WalPlace, surveys: readonly HostSurvey[], size: SegmentSize): ExpectedEnd {
  const wal = joinWal(surveys, size);
  const known = [...wal.timelines.keys(), ...wal.descents.keys()].toSorted((a, b) => b - a);
  const timeline = known.find((it) => wayTo(it, stop, wal) !== undefined) ?? stop.timeline;
  const reach = followWal(stop, wayTo(timeline, stop, wal) ?? [], wal);
  const newest = newestTimeline(wal);
  return { timeline, reach, otherTimeline: newest === timeline ? undefined : newest };
}
