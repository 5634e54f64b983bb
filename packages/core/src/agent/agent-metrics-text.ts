import { Failure } from '../base/failure.ts';
import type { Histogram } from '../base/histogram.ts';
import type { ProcessIdentity } from '../base/process-identity.ts';
import {
  type AgentFailure,
  type AgentHostMetrics,
  type AgentMetrics,
  type GetMetrics,
  type PushMetrics,
  pushSecondsBounds,
} from './agent-metrics.ts';

/** Grows when a field changes its meaning. New fields do not change it: a reader passes over those that it does not know. */
const version = 1;
const maxHosts = 64;
const maxText = 2000;

export function formatAgentMetrics(metrics: AgentMetrics): string {
  return `${JSON.stringify({ version, ...metrics })}\n`;
}

/**
 * Reads what an agent wrote. Fields that are not there are undefined, or 0 for counters, so that an older release's file can be read.
 * Throws Failure `damaged` for anything else than such a file, also for one of another version.
 */
export function parseAgentMetrics(text: string): AgentMetrics {
  const file = objectIn(text);
  if (file['version'] !== version) throw damaged(`its version is ${String(file['version'])}, not ${version}`);
  const role = file['role'];
  if (role !== 'push' && role !== 'get') throw damaged('it names no role');
  return {
    role,
    program: textOf(file['program']) ?? '',
    dataDirectory: textOf(file['dataDirectory']) ?? '',
    cluster: textOf(file['cluster']),
    process: processOf(file['process']),
    startedMs: needed(file, 'startedMs'),
    writtenMs: needed(file, 'writtenMs'),
    endedMs: numberOf(file['endedMs']),
    countingSinceMs: needed(file, 'countingSinceMs'),
    lastSuccessMs: numberOf(file['lastSuccessMs']),
    lastFailure: failureOf(file['lastFailure']),
    hosts: hostsOf(file['hosts']),
    push: role === 'push' ? pushOf(file['push']) : undefined,
    get: role === 'get' ? getOf(file['get']) : undefined,
  };
}

function pushOf(value: unknown): PushMetrics {
  const push = isObject(value) ? value : {};
  return {
    ready: numberOf(push['ready']),
    readyAtMs: numberOf(push['readyAtMs']),
    underWay: countOf(push['underWay']),
    shipped: countOf(push['shipped']),
    failed: countOf(push['failed']),
    failedCalls: countOf(push['failedCalls']),
    retries: countOf(push['retries']),
    bytes: countOf(push['bytes']),
    seconds: histogramOf(push['seconds'], pushSecondsBounds.length + 1),
  };
}

function getOf(value: unknown): GetMetrics {
  const get = isObject(value) ? value : {};
  return {
    delivered: countOf(get['delivered']),
    absent: countOf(get['absent']),
    unknown: countOf(get['unknown']),
    prefetchHits: countOf(get['prefetchHits']),
    prefetchMisses: countOf(get['prefetchMisses']),
    damagedCopies: countOf(get['damagedCopies']),
    callsWithoutPlace: countOf(get['callsWithoutPlace']),
    bufferFiles: countOf(get['bufferFiles']),
    bufferBytes: countOf(get['bufferBytes']),
    applyDelaySeconds: numberOf(get['applyDelaySeconds']),
  };
}

function hostsOf(value: unknown): AgentHostMetrics[] {
  if (!Array.isArray(value)) return [];
  return value.slice(0, maxHosts).flatMap((host: unknown) => {
    if (!isObject(host) || textOf(host['host']) === undefined) return [];
    return {
      host: textOf(host['host']) ?? '',
      files: countOf(host['files']),
      debts: countOf(host['debts']),
      failures: countOf(host['failures']),
      lastSuccessMs: numberOf(host['lastSuccessMs']),
      lastFailureMs: numberOf(host['lastFailureMs']),
      lastFailure: textOf(host['lastFailure']),
      coolingUntilMs: numberOf(host['coolingUntilMs']),
    };
  });
}

function failureOf(value: unknown): AgentFailure | undefined {
  if (!isObject(value)) return undefined;
  const atMs = numberOf(value['atMs']);
  const code = textOf(value['code']);
  if (atMs === undefined || code === undefined) return undefined;
  return { atMs, code, message: textOf(value['message']) ?? '', name: textOf(value['name']) };
}

function processOf(value: unknown): ProcessIdentity {
  const process = isObject(value) ? value : {};
  const bootId = textOf(process['bootId']);
  if (bootId === undefined) throw damaged('it names no process');
  return { pid: needed(process, 'pid'), bootId, startTicks: needed(process, 'startTicks') };
}

/** Of other bounds nothing can be said: it begins at zero. */
function histogramOf(value: unknown, length: number): Histogram {
  const { counts, sum } = isObject(value) ? value : { counts: undefined, sum: undefined };
  const fits = Array.isArray(counts) && counts.length === length && counts.every((count) => isCount(count));
  return fits ? { counts: counts as number[], sum: numberOf(sum) ?? 0 } : { counts: zeros(length), sum: 0 };
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}

function objectIn(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw damaged('it is not JSON', error);
  }
  if (!isObject(value)) throw damaged('it is not an object');
  return value;
}

function needed(object: Record<string, unknown>, field: string): number {
  const value = object[field];
  if (isCount(value)) return value;
  throw damaged(`its ${field} is no number`);
}

function damaged(why: string, cause?: unknown): Failure {
  return new Failure('damaged', `not an agent's counters: ${why}`, { cause });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0;
}

function countOf(value: unknown): number {
  return isCount(value) ? value : 0;
}

function numberOf(value: unknown): number | undefined {
  return isCount(value) ? value : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value.slice(0, maxText) : undefined;
}
