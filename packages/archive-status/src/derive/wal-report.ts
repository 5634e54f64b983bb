import type { Coverage } from '@archive2/core/backups/coverage.ts';
import type { HostSurvey } from '@archive2/core/backups/host-survey.ts';
import type { SingleCopy } from '@archive2/core/backups/single-copies.ts';
import type { Hole } from '@archive2/core/wal/holes.ts';
import { type Known, known, mapKnown, unknown } from '../model/known.ts';
import type { HoleReport, LagReport, SegmentReport, SingleCopies, WalReport } from '../model/wal-report.ts';
import { lagOf, newestSegment } from './archived-wal.ts';
import type { HostLook } from './cluster-look.ts';
import { silenceOf } from './coverage.ts';
import type { PrimaryPlace } from './primary.ts';

/** The archived WAL of all hosts together. Pure. */
export function walReport(
  hosts: readonly HostLook[],
  coverage: Known<Coverage>,
  primary: Known<PrimaryPlace>,
): WalReport {
  const surveys = hosts.flatMap(({ survey }) => (survey.known ? [survey.value] : []));
  const silence = silenceOf(hosts);
  // What one host lacks, the silent one may have.
  const whole: Known<Coverage> = silence === '' ? coverage : unknown(silence);
  return {
    newest: surveys.length === 0 ? unknown(silence) : known(newestOf(surveys)),
    lag: surveys.length === 0 ? unknown(silence) : leastLag(surveys, primary),
    singleCopies: mapKnown(whole, ({ singleCopies }) => singleCopies.map(singleCopiesReport)),
    holes: mapKnown(whole, ({ holes }) => holes.map((hole) => holeReport(hole, surveys))),
  };
}

function newestOf(surveys: readonly HostSurvey[]): SegmentReport | null {
  const segments = surveys.flatMap((survey) => newestSegment(survey) ?? []);
  // Names sort by timeline, then by position.
  return segments.sort((a, b) => (a.name < b.name ? 1 : -1))[0] ?? null;
}

function leastLag(surveys: readonly HostSurvey[], primary: Known<PrimaryPlace>): Known<LagReport> {
  const lags = surveys.map((survey) => lagOf(survey, primary));
  const [least] = lags.flatMap((lag) => (lag.known ? [lag] : [])).sort((a, b) => a.value.bytes - b.value.bytes);
  return least ?? lags[0] ?? unknown('no archive host is configured');
}

function singleCopiesReport({ host, timeline, from, to, count, fromMs, toMs }: SingleCopy): SingleCopies {
  // A stored segment always has a time; one without would be as old as can be.
  return { host, timeline, from, to, count, fromAtMs: fromMs ?? 0, toAtMs: toMs ?? 0 };
}

/** With the times of what is stored around it. */
function holeReport({ timeline, from, to, count, accepted }: Hole, surveys: readonly HostSurvey[]): HoleReport {
  const runs = surveys.flatMap(({ wal }) => wal).filter((run) => run.timeline === timeline);
  // Names of one timeline sort by position.
  const before = runs.filter((run) => run.to < from).map(({ toMs }) => toMs);
  const after = runs.filter((run) => run.from > to).map(({ fromMs }) => fromMs);
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
