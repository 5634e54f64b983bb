import { exitOfLevel } from '../../check/level.ts';
import { hostLabels } from '../host-label.ts';
import { type Judge, verdictsOf } from '../judge.ts';
import { sourcesOf } from '../keep/last-answers.ts';
import type { Knowledge } from '../keep/status-keeper.ts';
import { agentMetrics } from './agent-metrics.ts';
import { backupMetrics } from './backup-metrics.ts';
import { drillMetrics } from './drill-metrics.ts';
import { hostMetrics } from './host-metrics.ts';
import { MetricSet } from './metric-set.ts';
import { queueMetrics } from './queue-metrics.ts';
import { serverMetrics } from './server-metrics.ts';
import { walMetrics } from './wal-metrics.ts';

export interface MetricsInput {
  /** Without an age: for a file, where it would stand still. */
  knowledge: Pick<Knowledge, 'report' | 'isStale' | 'failure'> & Partial<Pick<Knowledge, 'ageMs'>>;
  program: string;
  judge: Judge;
}

/**
 * All metrics, in Prometheus' text format. What is not known has no sample. A report that is too old to be a statement about now
 * leaves only its age: alerts fire on what is absent, and on the age.
 */
export async function metricsText({ knowledge, program, judge }: MetricsInput): Promise<string> {
  const set = new MetricSet();
  const info = set.gauge('archive2_build_info', 'Always 1; the release is a label.', ['version']);
  const age = set.gauge('archive2_status_age_seconds', 'How long ago the sources of these metrics were asked.', []);
  const timestamp = set.gauge('archive2_status_timestamp_seconds', 'When the sources of these metrics were asked.', []);
  const failed = set.gauge('archive2_gathering_failed', 'Whether the newest gathering failed as a whole: 1 or 0.', []);
  const gathering = set.gauge('archive2_gathering_seconds', 'How long asking all sources took.', []);
  const source = set.gauge('archive2_source_up', 'Whether a source of the status answers: 1 or 0.', [
    'cluster',
    'source',
  ]);
  const check = set.gauge(
    'archive2_check_status',
    'As archive-status check ends: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.',
    ['cluster'],
  );
  const rule = set.gauge(
    'archive2_check_rule_status',
    'The worst that a rule of archive-status check says: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.',
    ['cluster', 'rule'],
  );
  const families = [
    backupMetrics(set),
    drillMetrics(set),
    hostMetrics(set),
    walMetrics(set),
    serverMetrics(set),
    queueMetrics(set),
    agentMetrics(set),
  ];

  const { report, ageMs, isStale, failure } = knowledge;
  info({ version: program }, 1);
  failed({}, failure === undefined ? 0 : 1);
  if (report !== undefined) {
    age({}, ageMs === undefined ? null : ageMs / 1000);
    timestamp({}, report.generatedAtMs / 1000);
  }
  if (report === undefined || isStale) return await set.text();
  gathering({}, report.gatheringMs / 1000);
  const verdicts = verdictsOf(report, judge);
  for (const cluster of report.clusters) {
    for (const { name, isUp } of sourcesOf(cluster)) source({ cluster: cluster.cluster, source: name }, Number(isUp));
    const verdict = verdicts.get(cluster.cluster);
    check({ cluster: cluster.cluster }, verdict && exitOfLevel[verdict.level]);
    for (const [name, worst] of verdict?.rules ?? [])
      rule({ cluster: cluster.cluster, rule: name }, exitOfLevel[worst]);
    const labels = hostLabels(cluster, report.machine);
    for (const add of families) add(cluster, labels, report.machine);
  }
  return await set.text();
}
