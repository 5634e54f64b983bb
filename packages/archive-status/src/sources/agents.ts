import { basename } from 'node:path';
import type { AgentFailure, AgentHostMetrics, AgentMetrics } from '@archive2/core/agent/agent-metrics.ts';
import { pushSecondsBounds } from '@archive2/core/agent/agent-metrics.ts';
import { askAgent } from '@archive2/core/agent/client.ts';
import { type ReadAgentMetrics, readAgentMetrics } from '@archive2/core/agent/read-agent-metrics.ts';
import { withDeadline } from '@archive2/core/base/deadline.ts';
import type { Histogram } from '@archive2/core/base/histogram.ts';
import type { AgentCounters, AgentReport, GetCounters, PushCounters } from '../model/agent-report.ts';
import { type Known, known, unknown } from '../model/known.ts';

const fileSuffix = '.metrics.json';

/** The agents of a state directory, dead ones too, and whether those that live answer. Throws the system error of the directory. */
export async function lookAtAgents(stateDirectory: string, timeoutMs: number): Promise<AgentReport[]> {
  const found = await readAgentMetrics(stateDirectory);
  return await Promise.all(found.map((agent) => reportOf(agent, timeoutMs)));
}

async function reportOf(agent: ReadAgentMetrics, timeoutMs: number): Promise<AgentReport> {
  const file = basename(agent.path);
  if ('problem' in agent) {
    const cell = unknown(`${file}: ${agent.problem}`);
    return { file, counters: cell, isAlive: cell, answers: cell };
  }
  const socket = `${agent.path.slice(0, -fileSuffix.length)}.sock`;
  const answers: Known<boolean | null> = agent.isAlive ? known(await answersOn(socket, timeoutMs)) : known(null);
  return { file, counters: known(countersOf(agent.metrics)), isAlive: known(agent.isAlive), answers };
}

/** Asks for its status, which changes nothing there. */
async function answersOn(socket: string, timeoutMs: number): Promise<boolean> {
  const request = {
    program: process.execPath,
    kind: 'status',
    args: [],
    workingDirectory: '/',
    environment: {},
  } as const;
  const silent = () => new Error('silent');
  try {
    const answer = await withDeadline(askAgent(socket, request), timeoutMs, silent);
    return typeof answer !== 'string';
  } catch {
    // Only the deadline: askAgent never rejects.
    return false;
  }
}

function countersOf(metrics: AgentMetrics): AgentCounters {
  const { role, program, dataDirectory, cluster, process, push, get } = metrics;
  return {
    role,
    program,
    dataDirectory,
    cluster: cluster ?? null,
    pid: process.pid,
    startedAtMs: metrics.startedMs,
    writtenAtMs: metrics.writtenMs,
    endedAtMs: metrics.endedMs ?? null,
    countingSinceAtMs: metrics.countingSinceMs,
    lastSuccessAtMs: metrics.lastSuccessMs ?? null,
    lastFailure: failureOf(metrics.lastFailure),
    hosts: metrics.hosts.map(hostOf),
    push: push === undefined ? null : pushOf(push),
    get: get === undefined ? null : getOf(get),
  };
}

function failureOf(failure: AgentFailure | undefined): AgentCounters['lastFailure'] {
  if (failure === undefined) return null;
  const { atMs, code, message, name } = failure;
  return { atMs, code, message, name: name ?? null };
}

function hostOf(host: AgentHostMetrics): AgentCounters['hosts'][number] {
  return {
    host: host.host,
    files: host.files,
    debts: host.debts,
    failures: host.failures,
    lastSuccessAtMs: host.lastSuccessMs ?? null,
    lastFailureAtMs: host.lastFailureMs ?? null,
    lastFailure: host.lastFailure ?? null,
    coolingUntilAtMs: host.coolingUntilMs ?? null,
  };
}

function pushOf(push: NonNullable<AgentMetrics['push']>): PushCounters {
  const { underWay, shipped, failed, failedCalls, retries, bytes } = push;
  const seconds = bucketsOf(push.seconds);
  return {
    ready: push.ready ?? null,
    readyAtMs: push.readyAtMs ?? null,
    underWay,
    shipped,
    failed,
    failedCalls,
    retries,
    bytes,
    seconds,
  };
}

function bucketsOf({ counts, sum }: Histogram): PushCounters['seconds'] {
  let count = 0;
  const buckets = counts.map((here, index) => {
    count += here;
    return { upToSeconds: pushSecondsBounds[index] ?? null, count };
  });
  return { count, sum, buckets };
}

function getOf(get: NonNullable<AgentMetrics['get']>): GetCounters {
  return {
    delivered: get.delivered,
    absent: get.absent,
    unknown: get.unknown,
    prefetchHits: get.prefetchHits,
    prefetchMisses: get.prefetchMisses,
    damagedCopies: get.damagedCopies,
    bufferFiles: get.bufferFiles,
    bufferBytes: get.bufferBytes,
    applyDelaySeconds: get.applyDelaySeconds ?? null,
  };
}
