import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { CoverageRange } from '../../model/coverage-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { hostLabels } from '../host-label.ts';
import { type Answers, answerKey } from '../keep/last-answers.ts';
import { hostLane } from './host-lane.ts';
import { mergeBands } from './merge-bands.ts';
import type { Band, Lane, Mark, Picture } from './picture.ts';
import { ticksOf } from './time-axis.ts';
import { unknownBand } from './unknown-band.ts';
import { fittingZoom, spanOf, type Zoom } from './zoom.ts';

export interface PictureInput {
  cluster: ClusterReport;
  /** See hostLabels. */
  machine: string;
  answers: Answers;
  nowMs: number;
  timeZone: string;
  /** Undefined: what fits. */
  zoom: Zoom | undefined;
}

/** What can be restored, what each host holds, and the drills, over time. Pure. */
export function planPicture({ cluster, machine, answers, nowMs, timeZone, zoom }: PictureInput): Picture {
  const labels = hostLabels(cluster, machine);
  const whole = [
    coverageLane(cluster, nowMs),
    ...cluster.hosts.map((host) => {
      const last = answers.get(answerKey(cluster.cluster, `host ${host.name}`));
      return hostLane({ host, label: labels.get(host.name) ?? host.name, wal: cluster.wal, last, nowMs });
    }),
    drillLane(cluster, nowMs),
  ];
  const oldestMs = oldestOf(whole);
  const shown = zoom ?? fittingZoom(nowMs, oldestMs);
  const span = spanOf(shown, nowMs, oldestMs);
  const isIn = (fromMs: number, toMs: number) => toMs >= span.fromMs && fromMs <= span.toMs;
  const lanes = whole.map((lane) => ({
    ...lane,
    bands: mergeBands(
      lane.bands.filter(({ fromMs, toMs }) => isIn(fromMs, toMs)),
      (span.toMs - span.fromMs) / 4000,
    ),
    marks: lane.marks.filter(({ atMs }) => isIn(atMs, atMs)),
  }));
  return { zoom: shown, span, ticks: ticksOf(span, timeZone), lanes };
}

function coverageLane({ coverage }: ClusterReport, nowMs: number): Lane {
  const name = 'can be restored';
  if (!coverage.known) {
    return { name, note: 'not known', bands: [unknownBand(coverage.reason, nowMs)], marks: [] };
  }
  const { ranges, totalMs, isWhole } = coverage.value;
  const bands = ranges.map(
    ({ fromAtMs, toAtMs, backup, hosts, missing }): Band => ({
      kind: 'restorable',
      fromMs: fromAtMs,
      toMs: toAtMs,
      what: `can be restored, from ${backup} on ${hosts.join(' and ')}${endText(missing)}`,
    }),
  );
  const note = ranges.length === 0 ? 'nothing' : `${isWhole ? '' : 'at least '}${formatSpan(totalMs)}`;
  return { name, note, bands, marks: [] };
}

function endText(missing: CoverageRange['missing']): string {
  return missing === null ? '' : `; ends where ${missing.count} segments from ${missing.from} are missing`;
}

function drillLane({ drills }: ClusterReport, nowMs: number): Lane {
  const name = 'drills';
  if (!drills.known) return { name, note: 'not known', bands: [unknownBand(drills.reason, nowMs)], marks: [] };
  const marks = drills.value.map(
    ({ ok, endedAtMs, startedAtMs, backup, method, host, error }): Mark => ({
      kind: ok ? 'passed' : 'failed',
      atMs: endedAtMs,
      sinceMs: startedAtMs,
      what: `${method} of ${backup} on ${host} ${ok ? 'passed' : `failed${error === null ? '' : `: ${error}`}`}`,
    }),
  );
  return { name, note: marks.length === 0 ? 'none' : '', bands: [], marks };
}

function oldestOf(lanes: readonly Lane[]): number | undefined {
  const moments = lanes
    .flatMap(({ bands, marks }) => [
      ...bands.map(({ fromMs }) => fromMs),
      ...marks.map(({ atMs, sinceMs }) => sinceMs ?? atMs),
    ])
    .filter(Number.isFinite);
  return moments.length === 0 ? undefined : Math.min(...moments);
}
