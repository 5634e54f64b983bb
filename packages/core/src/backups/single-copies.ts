import type { SegmentName } from '../wal/archive-file.ts';
import { segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { JoinedWal, SurveyedHost } from './joined-wal.ts';

/** Segments in a row that only this one of two hosts has, both ends inclusive. Times within a host's run are estimated by position. */
export interface SingleCopy {
  readonly host: string;
  readonly timeline: TimelineId;
  readonly from: SegmentName;
  readonly to: SegmentName;
  readonly count: number;
  readonly fromMs: number | undefined;
  readonly toMs: number | undefined;
}

/**
 * What only one host has, by timeline and position, from the oldest segment on that a complete backup of either needs: what is older
 * each host removes by itself. Empty for one host.
 */
export function findSingleCopies(hosts: readonly SurveyedHost[], wal: JoinedWal): SingleCopy[] {
  if (hosts.length < 2) return [];
  const oldest = oldestNeeded(hosts, wal);
  return [...wal.timelines]
    .toSorted(([a], [b]) => a - b)
    .flatMap(([timeline, { joined }]) => {
      const needed = joined
        .filter(({ last }) => last >= oldest)
        .map(({ first, last }) => ({ first: Math.max(first, oldest), last }));
      return needed
        .flatMap((run) => wal.holdersOf(timeline, run))
        .filter((piece) => piece.hosts.length === 1)
        .map(({ first, last, hosts: [host = ''] }) => ({
          host,
          timeline,
          from: wal.nameOf(timeline, first),
          to: wal.nameOf(timeline, last),
          count: last - first + 1,
          fromMs: wal.timeOf(timeline, first),
          toMs: wal.timeOf(timeline, last),
        }));
    });
}

function oldestNeeded(hosts: readonly SurveyedHost[], { segmentSize }: JoinedWal): number {
  const starts = hosts.flatMap(({ survey }) =>
    survey.backups.flatMap(({ state, start }) => (state === 'complete' && start !== undefined ? [start] : [])),
  );
  const numbers = starts.map(({ lsn }) => Number(segmentNumberOfLsn(lsn, segmentSize)));
  return numbers.length === 0 ? 0 : Math.min(...numbers);
}
