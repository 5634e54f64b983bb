import type { HostSurvey, WalRun } from '@archive2/core/backups/host-survey.ts';
import { parseArchiveFileName } from '@archive2/core/wal/archive-file.ts';
import { formatLsn, type Lsn, lsnFromBytes } from '@archive2/core/wal/lsn.ts';
import { segmentStartLsn } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { type Known, known, unknown } from '../model/known.ts';
import type { LagReport, SegmentReport } from '../model/wal-report.ts';
import type { PrimaryPlace } from './primary.ts';

/** The newest segment of a host: of its highest timeline, the highest. null: none is stored. */
export function newestSegment({ identity, wal }: HostSurvey): SegmentReport | null {
  const [newest] = wal.toSorted((a, b) => (a.to < b.to ? 1 : -1));
  if (identity === undefined || newest === undefined) return null;
  const { to, timeline, toMs } = newest;
  return { name: to, timeline, endLsn: formatLsn(endOf(newest, identity.segmentSize)), writtenAtMs: toMs };
}

/** The position behind the last byte of a run. */
function endOf({ to }: WalRun, size: SegmentSize): Lsn {
  const file = parseArchiveFileName(to);
  if (file.kind !== 'segment') throw new Error(`${to} is no segment`);
  return lsnFromBytes(segmentStartLsn(file, size) + BigInt(size));
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
  const endsOf = (id: number): bigint[] => wal.filter((run) => run.timeline === id).map((run) => endOf(run, size));
  const ends = endsOf(timeline);
  if (ends.length === 0) {
    const ancestors = descents.find((descent) => descent.timeline === timeline)?.ancestors;
    if (ancestors === undefined) return unknown(`nothing of timeline ${timeline} is archived yet`);
    for (const { timeline: id, switchLsn } of ancestors) {
      ends.push(...endsOf(id).map((end) => (end < switchLsn ? end : switchLsn)));
    }
  }
  const archived = ends.reduce((highest, end) => (end > highest ? end : highest), 0n);
  const bytes = lsn > archived ? lsn - archived : 0n;
  return known({ bytes: Number(bytes), segments: Number(bytes / BigInt(size)) });
}
