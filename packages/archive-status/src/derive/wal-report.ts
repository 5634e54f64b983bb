import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import { type Hole, holesAmong } from '@archive2/core/wal/holes.ts';
import { segmentNumberOfLsn } from '@archive2/core/wal/segment-position.ts';
import type { SegmentSize } from '@archive2/core/wal/segment-size.ts';
import { type Known, known, unknown } from '../model/known.ts';
import type { HoleReport, LagReport, SegmentReport, SingleCopies, WalReport } from '../model/wal-report.ts';
import { lagOf, newestSegment } from './archived-wal.ts';
import type { HostLook } from './cluster-look.ts';
import type { PrimaryPlace } from './primary.ts';
import { bandOf, missingFrom, numberOfName, numbersOf, type SegmentRun, segmentRuns } from './segment-runs.ts';

/** A host that answered. */
interface Answered {
  readonly name: string;
  readonly survey: HostSurvey;
}

/** The archived WAL of all hosts together. Pure. */
export function walReport(hosts: readonly HostLook[], primary: Known<PrimaryPlace>): WalReport {
  const answered = hosts.flatMap(({ name, survey }) => (survey.known ? [{ name, survey: survey.value }] : []));
  const silent = hosts.flatMap(({ survey }) => (survey.known ? [] : [survey.reason])).join('; ');
  const ofAll = <T>(follow: () => T): Known<T> => (silent === '' ? known(follow()) : unknown(silent));
  return {
    newest: answered.length === 0 ? unknown(silent) : known(newestOf(answered)),
    lag: answered.length === 0 ? unknown(silent) : leastLag(answered, primary),
    singleCopies: ofAll(() => singleCopies(answered)),
    holes: ofAll(() => holesOf(answered)),
  };
}

function newestOf(hosts: readonly Answered[]): SegmentReport | null {
  const segments = hosts.flatMap(({ survey }) => newestSegment(survey) ?? []);
  // Of one timeline the names sort by position.
  return segments.sort((a, b) => (a.name < b.name ? 1 : -1))[0] ?? null;
}

function leastLag(hosts: readonly Answered[], primary: Known<PrimaryPlace>): Known<LagReport> {
  const lags = hosts.map(({ survey }) => lagOf(survey, primary));
  const [least] = lags.flatMap((lag) => (lag.known ? [lag] : [])).sort((a, b) => a.value.bytes - b.value.bytes);
  return least ?? lags[0] ?? unknown('no archive host is configured');
}

function sizeOf(hosts: readonly Answered[]): SegmentSize | undefined {
  return hosts.find(({ survey }) => survey.identity !== undefined)?.survey.identity?.segmentSize;
}

function runsOf({ survey }: Answered, size: SegmentSize): SegmentRun[] {
  // Of another size it is another cluster's archive, which the rule for identities tells.
  return survey.identity?.segmentSize === size ? segmentRuns(survey.wal, size) : [];
}

/**
 * What only one of two hosts has, from the oldest WAL on that a complete backup of either needs: each host removes what is older
 * by itself, so one may have it for longer.
 */
function singleCopies(hosts: readonly Answered[]): SingleCopies[] {
  const size = sizeOf(hosts);
  if (hosts.length < 2 || size === undefined) return [];
  const first = Math.min(...backupStarts(hosts, size).map(({ segment }) => segment));
  const needed = Number.isFinite(first) ? first : 0;
  return hosts.flatMap((host) => {
    const others = hosts.filter((other) => other !== host).flatMap((other) => runsOf(other, size));
    const alone = missingFrom(runsOf(host, size), others, needed);
    return alone.map((run) => ({ host: host.name, ...bandOf(run, size) }));
  });
}

function backupStarts(hosts: readonly Answered[], size: SegmentSize) {
  return hosts.flatMap(({ survey }) =>
    survey.backups.flatMap(({ state, start }) =>
      state !== 'complete' || start === undefined
        ? []
        : [{ timeline: start.timeline, segment: Number(segmentNumberOfLsn(start.lsn, size)) }],
    ),
  );
}

function holesOf(hosts: readonly Answered[]): HoleReport[] {
  const size = sizeOf(hosts);
  if (size === undefined) return [];
  const runs = hosts.flatMap((host) => runsOf(host, size));
  const holes = holesAmong(numbersOf(runs), {
    descents: hosts.flatMap(({ survey }) => survey.descents),
    backups: backupStarts(hosts, size),
    accepted: hosts.flatMap(({ survey }) => survey.accepted),
    segmentSize: size,
  });
  return holes.map((hole) => holeReport(hole, runs, size));
}

function holeReport(hole: Hole, runs: readonly SegmentRun[], size: SegmentSize): HoleReport {
  const { timeline, from, to, count, accepted } = hole;
  const own = runs.filter((run) => run.timeline === timeline);
  const [first, last] = [numberOfName(from, size), numberOfName(to, size)];
  const before = own.filter((run) => run.to < first).map((run) => run.toAtMs);
  const after = own.filter((run) => run.from > last).map((run) => run.fromAtMs);
  return {
    timeline,
    from,
    to,
    count,
    fromAtMs: before.length === 0 ? null : Math.max(...before),
    toAtMs: after.length === 0 ? null : Math.min(...after),
    accepted: accepted === undefined ? null : { who: accepted.who, why: accepted.why, atMs: accepted.atMs },
  };
}
