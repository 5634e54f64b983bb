import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatLocalTime } from '@archive2/core/cli/local-time.ts';
import { formatDuration, formatRelative, formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { QueueReport, ScheduleReport } from '../model/backup-report.ts';
import type { CoverageReport } from '../model/coverage-report.ts';
import type { Known } from '../model/known.ts';
import type { ServerReport } from '../model/server-report.ts';
import type { ClusterReport } from '../model/status-report.ts';
import { ageText } from './host-table.ts';

/** A line of the table: what it is about, and what is known of it. */
export interface Fact {
  readonly label: string;
  readonly text: string;
  readonly isKnown: boolean;
}

interface Place {
  readonly nowMs: number;
  readonly timeZone: string;
}

/** What stands below the hosts, a line each. */
export function factsOf(cluster: ClusterReport, place: Place): Fact[] {
  const { servers, wal, queue, drills, coverage, role } = cluster;
  return [
    ...servers.map((server) => fact(server.name, server.role, (name) => serverText(name, server))),
    ...(role.patroni === null
      ? []
      : [
          fact(
            'patroni',
            role.patroni,
            ({ leader, isPaused }) => `leader ${leader ?? 'none'}${isPaused ? ', paused' : ''}`,
          ),
        ]),
    fact(
      'lag',
      wal.lag,
      ({ segments, bytes }) => `${segments} finished segments, ${formatBytes(bytes)} behind the primary`,
    ),
    fact('copies', wal.singleCopies, (alone) => {
      const count = alone.reduce((sum, run) => sum + run.count, 0);
      if (cluster.hosts.length < 2) return 'one host, so one copy of everything';
      return count === 0 ? 'two of all that is needed' : `${count} segments on one host only`;
    }),
    fact('holes', wal.holes, (holes) => {
      const open = holes.filter(({ accepted }) => accepted === null);
      if (holes.length === 0) return 'none';
      const texts = open.map(({ from, to, count }) => (count === 1 ? from : `${from} to ${to}`));
      const accepted = holes.length - open.length;
      return [
        ...texts.slice(0, 3),
        ...(texts.length > 3 ? ['…'] : []),
        ...(accepted > 0 ? [`${accepted} accepted`] : []),
      ].join(', ');
    }),
    ...(queue === null ? [] : queueFacts(queue, place)),
    fact('drill', drills, ([last]) => {
      if (last === undefined) return 'none is recorded';
      const { backup, host, ok, error, endedAtMs, rtoMs, rpoMs } = last;
      const measured = [
        ...(rtoMs === null ? [] : [`restored in ${formatDuration(rtoMs)}`]),
        ...(rpoMs === null ? [] : [`${formatDuration(rpoMs)} would have been lost`]),
      ];
      const result = ok ? ['good', ...measured].join(', ') : `FAILED: ${error ?? 'no reason told'}`;
      return `${backup} on ${host}, ${ageText(endedAtMs, place.nowMs)} ago: ${result}`;
    }),
    fact('coverage', coverage, (it) => coverageText(it, place)),
    ...trendFacts(cluster, place),
  ];
}

function fact<T>(label: string, cell: Known<T>, show: (value: T) => string): Fact {
  return cell.known
    ? { label, text: show(cell.value), isKnown: true }
    : { label, text: `UNKNOWN: ${cell.reason}`, isKnown: false };
}

function serverText(
  role: string,
  { timeline, lsn, archiver, ready, nowAtMs, walDirectory, walFullAtMs }: ServerReport,
): string {
  const parts = [
    `${role}, timeline ${timeline.known ? timeline.value : '?'}, at ${lsn.known ? (lsn.value ?? 'no position') : '?'}`,
  ];
  if (role === 'primary' && archiver.known && nowAtMs.known) {
    const { mode, lastArchivedAtMs, lastFailedAtMs } = archiver.value;
    if (mode === 'off') parts.push('archive_mode is off');
    else if (lastArchivedAtMs === null) parts.push('archived nothing yet');
    else parts.push(`archived ${ageText(lastArchivedAtMs, nowAtMs.value)} ago`);
    if (lastFailedAtMs !== null && lastFailedAtMs > (lastArchivedAtMs ?? 0)) parts.push('archiving fails');
    parts.push(ready.known ? `${ready.value.count} files wait` : 'what waits is not known');
    if (walDirectory.known) parts.push(`pg_wal ${formatBytes(walDirectory.value.bytes)}`);
    if (walFullAtMs.known && walFullAtMs.value !== null)
      parts.push(`full ${formatRelative(walFullAtMs.value, nowAtMs.value)}`);
  }
  return parts.join(', ');
}

function queueFacts(queue: Known<QueueReport>, place: Place): Fact[] {
  if (!queue.known) return [fact('queue', queue, () => '')];
  const { schedules } = queue.value;
  if (schedules.length === 0) return [{ label: 'queue', text: 'does not know the cluster', isKnown: false }];
  return schedules.map((schedule) => ({ label: schedule.kind, text: scheduleText(schedule, place), isKnown: true }));
}

function scheduleText({ condition, running, next, lastGoodAtMs }: ScheduleReport, { nowMs, timeZone }: Place): string {
  const parts: string[] = [condition];
  if (running !== null) {
    const { host, startedAtMs, doneBytes, totalBytes } = running;
    const share =
      doneBytes === null || !totalBytes
        ? ''
        : `, ${Math.floor((100 * doneBytes) / totalBytes)} % of ${formatBytes(totalBytes)}`;
    parts.push(`on ${host} for ${ageText(startedAtMs, nowMs)}${share}`);
  }
  parts.push(lastGoodAtMs === null ? 'none yet' : `last good ${ageText(lastGoodAtMs, nowMs)} ago`);
  if (next !== null)
    parts.push(`next on ${next.host} ${formatLocalTime(next.atMs, timeZone)}, ${formatRelative(next.atMs, nowMs)}`);
  return parts.join(', ');
}

function coverageText({ ranges, totalMs, isWhole }: CoverageReport, { timeZone }: Place): string {
  if (ranges.length === 0)
    return isWhole ? 'nothing can be restored' : 'nothing can be restored from the hosts that answer';
  const [first, last] = [Math.min(...ranges.map((it) => it.fromAtMs)), Math.max(...ranges.map((it) => it.toAtMs))];
  const gaps = totalMs < last - first ? `, with gaps: ${formatSpan(totalMs)} of it` : '';
  const ways = new Set(ranges.map(({ toTimeline }) => toTimeline)).size;
  const timelines = ways > 1 ? `, on ${ways} timelines` : '';
  return `${formatLocalTime(first, timeZone)} to ${formatLocalTime(last, timeZone)}${gaps}${timelines}${isWhole ? '' : ', at least'}`;
}

/** Only what is to be known: a disk that fills. */
function trendFacts({ hosts }: ClusterReport, { nowMs }: Place): Fact[] {
  return hosts.flatMap(({ name, diskFullAtMs }) =>
    diskFullAtMs.known && diskFullAtMs.value !== null
      ? [
          {
            label: 'disk',
            text: `${name} is full ${formatRelative(diskFullAtMs.value, nowMs)}, if it fills as now`,
            isKnown: true,
          },
        ]
      : [],
  );
}
