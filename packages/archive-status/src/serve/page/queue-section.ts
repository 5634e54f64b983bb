import { formatBytes } from '@archive2/core/base/byte-size.ts';
import { formatDuration, formatSpan } from '@archive2/core/cli/relative-time.ts';
import type { AttemptReport, RunningReport, ScheduleHostReport, ScheduleReport } from '../../model/backup-report.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import { type Html, html, type Piece } from '../html/html.ts';
import { meter } from './meter.ts';
import { relativeMoment } from './moment.ts';
import { emptyPart, section, unknownPart } from './section.ts';
import { table } from './table.ts';
import type { View } from './view.ts';

const title = 'Backup queue';

/** What runs, what comes next, and how each host's last attempt ended. */
export function queueSection({ queue }: ClusterReport, view: View): Html {
  if (queue === null) return section('queue', title, emptyPart('None is configured.'));
  if (!queue.known) return section('queue', title, unknownPart(queue.reason));
  const { schedules } = queue.value;
  if (schedules.length === 0) return section('queue', title, emptyPart('The queue does not have this cluster.'));
  return section(
    'queue',
    title,
    html`${schedules.map((schedule) => scheduleText(schedule, view))}
${table({
  id: 'queue-rows',
  caption: 'Each archive host in the queue',
  columns: ['host', 'kind', 'last success', 'last attempt', 'next'],
  rows: schedules.flatMap((schedule) => schedule.hosts.map((host) => hostRow(schedule, host, view))),
})}`,
  );
}

const conditionWords: Readonly<Record<ScheduleReport['condition'], string>> = {
  running: 'running',
  paused: 'paused',
  attention: 'needs attention',
  overdue: 'late',
  failing: 'failing',
  new: 'new',
  ok: 'in order',
};
const badConditions: readonly ScheduleReport['condition'][] = ['attention', 'overdue', 'failing'];

function scheduleText({ kind, condition, spacingMs, next, running }: ScheduleReport, view: View): Html {
  const word = conditionWords[condition];
  const how = badConditions.includes(condition) ? html`<strong class="bad">${word}</strong>` : word;
  const planned =
    next === null ? 'none is planned' : html`next ${relativeMoment(next.atMs, view)} on <bdi>${next.host}</bdi>`;
  return html`<p><strong>${kind}</strong>, one every ${formatSpan(spacingMs)}: ${how}; ${planned}.</p>
${running === null ? undefined : runningText(running, view)}`;
}

function runningText(
  { taskId, host, startedAtMs, heartbeatAtMs, doneBytes, totalBytes, expectedMs }: RunningReport,
  view: View,
): Html {
  const share = doneBytes !== null && totalBytes !== null && totalBytes > 0 ? doneBytes / totalBytes : null;
  const done =
    doneBytes === null
      ? undefined
      : html`${share === null ? undefined : html`${meter(share, `${Math.round(share * 100)} % done`)} ${Math.round(share * 100)} %, `}${formatBytes(doneBytes)}${totalBytes === null ? undefined : html` of ${formatBytes(totalBytes)}`}; `;
  const usual = expectedMs === null ? undefined : html`, usually ${formatDuration(expectedMs)}`;
  return html`<p class="running">Task ${taskId} runs on <bdi>${host}</bdi> since ${formatDuration(view.nowMs - startedAtMs)}${usual}: ${done}last sign of life ${relativeMoment(heartbeatAtMs, view)}.</p>`;
}

function hostRow({ kind }: ScheduleReport, host: ScheduleHostReport, view: View): Piece[] {
  const { lastGoodAtMs, lastAttempt, nextAtMs, failures, lastError, needsAttention, isPaused, isAway } = host;
  const remarks = [
    ...(needsAttention ? ['needs attention'] : []),
    ...(isPaused ? ['paused'] : []),
    ...(isAway ? ['has not asked for long'] : []),
  ];
  return [
    html`<bdi>${host.host}</bdi>${remarks.length === 0 ? undefined : html` <strong>${remarks.join(', ')}</strong>`}`,
    kind,
    lastGoodAtMs === null ? html`<span class="muted">none</span>` : relativeMoment(lastGoodAtMs, view),
    html`${attemptText(lastAttempt, view)}${failures > 0 ? html`<br><strong class="bad">${failures} failed in a row</strong>: ${lastError ?? 'no reason was given'}` : undefined}`,
    nextAtMs === null ? html`<span class="muted">not planned</span>` : relativeMoment(nextAtMs, view),
  ];
}

function attemptText(attempt: AttemptReport | null, view: View): Html {
  if (attempt === null) return html`<span class="muted">none</span>`;
  const { state, startedAtMs, endedAtMs } = attempt;
  const took = endedAtMs === null ? undefined : html`, ${formatDuration(endedAtMs - startedAtMs)}`;
  return html`${state === 'failed' || state === 'lost' ? html`<strong class="bad">${state}</strong>` : state} ${relativeMoment(startedAtMs, view)}${took}`;
}
