import { formatSpan } from '@archive2/core/cli/relative-time.ts';
import { backupAtMs } from '../../derive/host-report.ts';
import type { DrillReport, QueueReport, RunningReport, ScheduleReport } from '../../model/backup-report.ts';
import { type Known, known, mapKnown } from '../../model/known.ts';
import type { ClusterReport } from '../../model/status-report.ts';
import type { Limits } from '../../settings/limits.ts';
import type { Thresholds } from '../../settings/thresholds.ts';
import {
  critical,
  judgeKnown,
  levelAbove,
  notKnown,
  type Opinion,
  ok,
  type Rule,
  secondsMeasure,
  warning,
} from '../rule.ts';

const HOUR_MS = 3_600_000;
const withoutSchedule: Limits = { warning: 24 * HOUR_MS, critical: 48 * HOUR_MS };

export const backup: Rule = {
  name: 'backup',
  summary: 'no complete base backup on any host is young enough',
  judge: (cluster, { nowMs, thresholds }) => [judgeBackup(cluster, nowMs, thresholds)],
};

function judgeBackup({ hosts, queue }: ClusterReport, nowMs: number, { backupAge }: Thresholds): Opinion {
  const limits: Known<Limits> = backupAge === undefined ? limitsOf(queue, 'base') : known(backupAge);
  if (!limits.known) return notKnown(limits.reason);
  const newest = hosts
    .flatMap(({ lastBackup }) => (lastBackup.known && lastBackup.value !== null ? [lastBackup.value] : []))
    .sort((a, b) => backupAtMs(b) - backupAtMs(a))[0];
  const silent = hosts.flatMap(({ lastBackup }) => (lastBackup.known ? [] : [lastBackup.reason]));
  const ageMs = newest === undefined ? Number.POSITIVE_INFINITY : Math.max(0, nowMs - backupAtMs(newest));
  const level = levelAbove(ageMs, limits.value);
  // A host that does not answer may have a younger one.
  if (level !== 'ok' && silent.length > 0) return notKnown(silent.join('; '));
  if (newest === undefined) return critical('there is no complete base backup');
  const text = `the newest base backup, ${newest.name} on ${newest.host}, is ${formatSpan(ageMs)} old`;
  return { level, text, measures: [secondsMeasure('backup_age', ageMs, limits.value)] };
}

/** By the schedule in the queue, with a quarter of its spacing for being late; without one a day. */
function limitsOf(queue: Known<QueueReport> | null, kind: string): Known<Limits> {
  if (queue === null) return known(withoutSchedule);
  return mapKnown(queue, ({ schedules }) => {
    const schedule = schedules.find((it) => it.kind === kind && it.condition !== 'paused');
    return schedule === undefined ? withoutSchedule : limitsOfSchedule(schedule);
  });
}

function limitsOfSchedule({ spacingMs }: ScheduleReport): Limits {
  const late = spacingMs / 4;
  return { warning: spacingMs + late, critical: 2 * spacingMs + late };
}

export const coverage: Rule = {
  name: 'coverage',
  summary: 'nothing can be restored, or not from a complete backup that is there',
  judge({ coverage: cell }) {
    const opinion = judgeKnown(cell, ({ ranges, unusable, totalMs, isWhole }) => {
      const measure = secondsMeasure('coverage', totalMs);
      const [bad] = unusable;
      // What is missing may be on the host that does not answer.
      if (!isWhole && (bad !== undefined || ranges.length === 0))
        return notKnown('a host that may have more does not answer');
      if (ranges.length === 0) return critical('nothing can be restored', measure);
      if (bad === undefined) return ok('every complete backup can be restored', measure);
      return warning(
        `nothing can be restored from ${bad.name} on ${bad.hosts.join(' and ')} because ${bad.problem}`,
        measure,
      );
    });
    return [opinion];
  },
};

export const dump: Rule = {
  name: 'dump',
  summary: 'the last scheduled dump is missing',
  judge({ queue }, { nowMs, thresholds: { dumpAge } }) {
    const opinion = judgeQueue(queue, ({ schedules }) => {
      const schedule = schedules.find(({ kind }) => kind === 'dump');
      if (schedule === undefined) return ok('no dumps are scheduled');
      if (schedule.condition === 'paused') return ok('dumps are paused');
      const limits = dumpAge ?? limitsOfSchedule(schedule);
      if (schedule.lastGoodAtMs === null) {
        return schedule.condition === 'new' ? warning('there was no dump yet') : critical('there is no dump');
      }
      const ageMs = Math.max(0, nowMs - schedule.lastGoodAtMs);
      const text = `the last dump was begun ${formatSpan(ageMs)} ago`;
      return { level: levelAbove(ageMs, limits), text, measures: [secondsMeasure('dump_age', ageMs, limits)] };
    });
    return [opinion];
  },
};

/** What runs longer than this without an earlier one to compare it with. */
const longestMs = 24 * HOUR_MS;

export const running: Rule = {
  name: 'running',
  summary: 'a backup, dump or drill runs for too long',
  judge({ queue }, { nowMs, thresholds: { backupDurationMs } }) {
    const opinion = judgeQueue(queue, ({ schedules }) => {
      const tasks = schedules.flatMap(({ kind, running: task }) => (task === null ? [] : [{ kind, task }]));
      if (tasks.length === 0) return ok('nothing runs');
      const judged = tasks.map(({ kind, task }) => judgeRunning(kind, task, nowMs, backupDurationMs));
      return judged.find(({ level }) => level !== 'ok') ?? ok(judged.map(({ text }) => text).join(', '));
    });
    return [opinion];
  },
};

function judgeRunning(kind: string, task: RunningReport, nowMs: number, limitMs: number | undefined): Opinion {
  const expected = task.expectedMs === null ? longestMs : Math.max(3 * task.expectedMs, HOUR_MS);
  const tookMs = Math.max(0, nowMs - task.startedAtMs);
  const text = `${kind} runs on ${task.host} for ${formatSpan(tookMs)}`;
  return tookMs > (limitMs ?? expected) ? warning(`${text}: too long`) : ok(text);
}

export const queue: Rule = {
  name: 'queue',
  summary: 'the queue cannot be asked, or a schedule in it is overdue, failing or in need of attention',
  judge: (cluster) => [
    judgeQueue(cluster.queue, ({ schedules }) => {
      if (schedules.length === 0) return warning('the queue does not know the cluster');
      const bad = schedules.filter(({ condition, hosts }) => {
        return (
          ['attention', 'overdue', 'failing'].includes(condition) || hosts.some(({ needsAttention }) => needsAttention)
        );
      });
      if (bad.length === 0) return ok(schedules.map(({ kind, condition }) => `${kind}: ${condition}`).join(', '));
      return warning(bad.map(troubleOf).join('; '));
    }),
  ],
};

function troubleOf({ kind, condition, hosts }: ScheduleReport): string {
  const failing = hosts.filter(({ failures }) => failures > 0);
  const why = failing.map(
    ({ host, failures, lastError }) => `${host} ${failures} times: ${lastError ?? 'no reason told'}`,
  );
  return [`${kind} is ${condition === 'attention' ? 'in need of attention' : condition}`, ...why].join(', ');
}

export const drill: Rule = {
  name: 'drill',
  summary: 'the last restore drill failed, or is too long ago',
  judge: ({ drills }, { nowMs, thresholds: { drillAge } }) => [
    judgeKnown(drills, (all) => {
      const recent = all.filter(({ endedAtMs }) => nowMs - endedAtMs <= drillAge.critical);
      const failed = lastOfEach(recent).find((it) => !it.ok);
      if (failed !== undefined) {
        const { method, backup: name, host, error } = failed;
        return critical(`the ${method} drill of ${name} on ${host} failed: ${error ?? 'no reason told'}`);
      }
      const restores = all.filter((it) => it.ok && it.method === 'restore').map(({ endedAtMs }) => endedAtMs);
      if (restores.length === 0) return warning('no restore drill is recorded: see backup-verify');
      const ageMs = Math.max(0, nowMs - Math.max(...restores));
      const measure = secondsMeasure('drill_age', ageMs, drillAge);
      return {
        level: levelAbove(ageMs, drillAge),
        text: `the last good drill is ${formatSpan(ageMs)} ago`,
        measures: [measure],
      };
    }),
  ],
};

/** The newest of each host and method: a success here says nothing of what failed there. */
function lastOfEach(drills: readonly DrillReport[]): DrillReport[] {
  const last = new Map<string, DrillReport>();
  for (const it of drills) {
    const key = `${it.host}\n${it.method}`;
    if ((last.get(key)?.endedAtMs ?? Number.NEGATIVE_INFINITY) < it.endedAtMs) last.set(key, it);
  }
  return [...last.values()];
}

function judgeQueue(cell: Known<QueueReport> | null, judge: (queue: QueueReport) => Opinion): Opinion {
  return cell === null ? ok('no queue is configured') : judgeKnown(cell, judge);
}
