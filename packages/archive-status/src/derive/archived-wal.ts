import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import { formatLsn, type Lsn, lsnFromBytes } from '@archive2/core/wal/lsn.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { type Known, known, unknown } from '../model/known.ts';
import type { LagReport, SegmentReport } from '../model/wal-report.ts';
import type { PrimaryPlace } from './primary.ts';
import { nameOfNumber, type SegmentRun, segmentRuns } from './segment-runs.ts';

/** The newest segment of a host: of its highest timeline, the highest. null: none is stored. */
export function newestSegment({ identity, wal }: HostSurvey): SegmentReport | null {
  if (identity === undefined) return null;
  const size = identity.segmentSize;
  const [newest] = segmentRuns(wal, size).sort((a, b) => b.timeline - a.timeline || b.to - a.to);
  if (newest === undefined) return null;
  return {
    name: nameOfNumber(newest.timeline, newest.to, size),
    timeline: newest.timeline,
    endLsn: formatLsn(endOf(newest, size)),
    writtenAtMs: newest.toAtMs,
  };
}

function endOf({ to }: Pick<SegmentRun, 'to'>, size: SegmentSize): Lsn {
  return lsnFromBytes(BigInt(to + 1) * BigInt(size));
}

/**
 * What the primary has written and the archive of a host lacks. WAL counts when it is of the primary's timeline, or of one that it
 * comes from, up to where that was left: after a restore to an earlier point there may be more of the old timeline than the new
 * one has.
 */
export function lagOf({ identity, wal, descents }: HostSurvey, primary: Known<PrimaryPlace>): Known<LagReport> {
  if (!primary.known) return primary;
  const { timeline, lsn } = primary.value;
  if (identity === undefined || wal.length === 0) return unknown('nothing is archived yet');
  const size = identity.segmentSize;
  const runs = segmentRuns(wal, size);
  const ends = runs.filter((run) => run.timeline === timeline).map((run) => endOf(run, size));
  if (ends.length === 0) {
    const ancestors = descents.find((descent) => descent.timeline === timeline)?.ancestors;
    if (ancestors === undefined) return unknown(`nothing of timeline ${timeline} is archived yet`);
    for (const ancestor of ancestors) {
      const own = runs.filter((run) => run.timeline === ancestor.timeline).map((run) => endOf(run, size));
      ends.push(...own.map((end) => (end < ancestor.switchLsn ? end : ancestor.switchLsn)));
    }
  }
  const archived = ends.reduce<bigint>((highest, end) => (end > highest ? end : highest), 0n);
  const bytes = lsn > archived ? lsn - archived : 0n;
  return known({ bytes: Number(bytes), segments: Number(bytes / BigInt(size)) });
}
