import { join } from 'node:path';
import type { ClusterDirectory } from '../archive/cluster-directory.ts';
import { modificationTime } from '../files/modification-times.ts';
import { readSmallFile } from '../files/small-file.ts';
import { type ArchiveFileName, parseArchiveFileName, type SegmentName } from '../wal/archive-file.ts';
import { largestTextBytes } from '../wal/file-size.ts';
import type { Descent } from '../wal/later-wal.ts';
import { segmentNumbers } from '../wal/segment-numbers.ts';
import { segmentNameAt, segmentNumberOfLsn } from '../wal/segment-position.ts';
import type { SegmentSize } from '../wal/segment-size.ts';
import { parseTimelineHistory } from '../wal/timeline-history.ts';
import type { TimelineId } from '../wal/timeline-id.ts';
import type { SurveyProblem, WalRun } from './host-survey.ts';
import { problemOf } from './survey-problem.ts';

/** What the stored history files say, by timeline. One that cannot be read is told as a problem. */
export async function readDescents(
  cluster: ClusterDirectory,
  names: readonly ArchiveFileName[],
  problems: SurveyProblem[],
): Promise<Descent[]> {
  const descents: Descent[] = [];
  for (const name of names.filter((it) => it.endsWith('.history')).toSorted()) {
    const { timeline } = parseArchiveFileName(name);
    try {
      const content = await readSmallFile(cluster.walFile(name), largestTextBytes);
      // Undefined: removed since it was listed.
      if (content !== undefined) descents.push({ timeline, ancestors: parseTimelineHistory(content, timeline) });
    } catch (error) {
      problems.push(problemOf(name, error));
    }
  }
  return descents;
}

/** Full segments in a row, as numbers, both ends inclusive. */
interface NumberRun {
  readonly timeline: TimelineId;
  from: number;
  to: number;
}

/**
 * The full segments among the names in runs, by timeline and position, each with the mtimes of its ends: only these files are looked
 * at. What a cleanup removes meanwhile is left out.
 */
export async function surveyWal(
  walDirectory: string,
  names: readonly ArchiveFileName[],
  descents: readonly Descent[],
  size: SegmentSize,
): Promise<WalRun[]> {
  const runs: WalRun[] = [];
  const nameOf = (timeline: TimelineId, number: number) => segmentNameAt(timeline, BigInt(number), size);
  let looked = 0;
  for (const run of runsOf(names, descents, size)) {
    const found = withTimes(run, (number) => modificationTime(walDirectory, nameOf(run.timeline, number)));
    if (found !== undefined) {
      const { timeline, from, to, fromMs, toMs } = found;
      runs.push({
        timeline,
        from: nameOf(timeline, from),
        to: nameOf(timeline, to),
        count: to - from + 1,
        fromMs,
        toMs,
      });
    }
    looked += 1;
    // Where every second segment is missing there are many runs: others are to have their turn.
    if (looked % 1000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return runs;
}

function runsOf(names: readonly ArchiveFileName[], descents: readonly Descent[], size: SegmentSize): NumberRun[] {
  const runs: NumberRun[] = [];
  const byTimeline = [...segmentNumbers(names, size)].sort(([a], [b]) => a - b);
  for (const [timeline, numbers] of byTimeline) {
    const cuts = branchesFrom(timeline, descents, size);
    let run: NumberRun | undefined;
    for (const number of numbers) {
      if (run !== undefined && number === run.to + 1 && !cuts.has(number)) {
        run.to = number;
        continue;
      }
      run = { timeline, from: number, to: number };
      runs.push(run);
    }
  }
  return runs;
}

/** The segments in which other timelines left this one. The one before is the last that both have in common: its time is wanted. */
function branchesFrom(timeline: TimelineId, descents: readonly Descent[], size: SegmentSize): Set<number> {
  const entries = descents.flatMap(({ ancestors }) => ancestors.filter((ancestor) => ancestor.timeline === timeline));
  return new Set(entries.map(({ switchLsn }) => Number(segmentNumberOfLsn(switchLsn, size))));
}

/** The run without the files at its ends that are no longer there; undefined when nothing is left of it. */
function withTimes(
  { timeline, from, to }: NumberRun,
  timeOf: (number: number) => number | undefined,
): (NumberRun & { fromMs: number; toMs: number }) | undefined {
  let first = from;
  let fromMs = timeOf(first);
  while (fromMs === undefined && first < to) fromMs = timeOf(++first);
  if (fromMs === undefined) return undefined;
  let last = to;
  let toMs = last === first ? fromMs : timeOf(last);
  while (toMs === undefined && last > first) toMs = timeOf(--last);
  return { timeline, from: first, to: last, fromMs, toMs: toMs ?? fromMs };
}

/** The `.backup` file that the server archives at the end of a backup that begins in this segment at this offset, in bytes. */
export function backupHistoryPath(cluster: ClusterDirectory, segment: SegmentName, offset: number): string {
  return join(cluster.walDirectory, `${segment}.${offset.toString(16).toUpperCase().padStart(8, '0')}.backup`);
}
