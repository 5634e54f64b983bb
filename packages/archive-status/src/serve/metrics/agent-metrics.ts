import type { AgentReport } from '../../model/agent-report.ts';
import { type ClusterMetrics, seconds } from './cluster-metrics.ts';
import type { MetricSet } from './metric-set.ts';

const ofAgent = ['cluster', 'host', 'data_directory'];
const ofAnyAgent = [...ofAgent, 'role'];

/** The agents of this machine, by what they write about themselves. `host` is this machine. */
export function agentMetrics(set: MetricSet): ClusterMetrics {
  const up = set.gauge(
    'archive2_agent_up',
    'Whether the agent answers: 1 or 0. One without work ends by itself, so 0 alone is no fault.',
    ofAnyAgent,
  );
  const success = set.gauge(
    'archive2_agent_last_success_timestamp_seconds',
    'When the agent last archived or delivered a file.',
    ofAnyAgent,
  );
  const failure = set.gauge(
    'archive2_agent_last_failure_timestamp_seconds',
    'When a call of it last failed.',
    ofAnyAgent,
  );
  const queue = set.gauge(
    'archive2_agent_queue',
    'Files that PostgreSQL has marked as ready for archive_cmd.',
    ofAgent,
  );
  const underWay = set.gauge('archive2_agent_under_way', 'Files that are on their way to the archive hosts.', ofAgent);
  const push = {
    shipped: set.counter('archive2_push_files_total', 'Files that archive_cmd has archived.', ofAgent),
    failed: set.counter('archive2_push_failures_total', 'Attempts to ship a file that failed.', ofAgent),
    retries: set.counter('archive2_push_retries_total', 'Hosts that were asked after another one had failed.', ofAgent),
    bytes: set.counter('archive2_push_bytes_total', 'Bytes of the archived files, before compression.', ofAgent),
  };
  const pushSeconds = set.histogram(
    'archive2_push_seconds',
    'How long it took from the first look at a file until it was safe on the archive hosts.',
    ofAgent,
  );
  const answered = set.counter('archive2_get_answers_total', 'Calls of restore_cmd, by what they ended with.', [
    ...ofAgent,
    'answer',
  ]);
  const prefetched = set.counter(
    'archive2_get_prefetched_total',
    'Files that were delivered and had been fetched before they were asked for.',
    ofAgent,
  );
  const damaged = set.counter(
    'archive2_get_damaged_copies_total',
    'Copies that a host sent and that were not whole.',
    ofAgent,
  );

  return (cluster, _labels, machine) => {
    if (cluster.agents === null || !cluster.agents.known) return;
    for (const agent of cluster.agents.value) {
      if (!agent.counters.known) continue;
      const { role, dataDirectory, lastSuccessAtMs, lastFailure, push: pushed, get } = agent.counters.value;
      const label = { cluster: cluster.cluster, host: machine, data_directory: dataDirectory };
      up({ ...label, role }, answers(agent));
      success({ ...label, role }, seconds(lastSuccessAtMs));
      failure({ ...label, role }, seconds(lastFailure?.atMs));
      if (pushed !== null) {
        // Gauges of an agent that is gone are about a moment that is gone.
        const isAlive = agent.isAlive.known && agent.isAlive.value;
        queue(label, isAlive ? pushed.ready : null);
        underWay(label, isAlive ? pushed.underWay : null);
        push.shipped(label, pushed.shipped);
        push.failed(label, pushed.failed);
        push.retries(label, pushed.retries);
        push.bytes(label, pushed.bytes);
        pushSeconds(label, pushed.seconds);
      }
      if (get !== null) {
        for (const answer of ['delivered', 'absent', 'unknown'] as const) answered({ ...label, answer }, get[answer]);
        prefetched(label, get.prefetchHits);
        damaged(label, get.damagedCopies);
      }
    }
  };
}

function answers({ isAlive, answers: onSocket }: AgentReport): number | null {
  if (!isAlive.known) return null;
  if (!isAlive.value) return 0;
  return onSocket.known ? Number(onSocket.value === true) : null;
}
