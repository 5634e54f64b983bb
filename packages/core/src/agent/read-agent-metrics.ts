import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemErrorCode, toFailure } from '../base/failure.ts';
import { isRunning } from '../base/process-identity.ts';
import type { AgentMetrics } from './agent-metrics.ts';
import { parseAgentMetrics } from './agent-metrics-text.ts';

/** One agent's file: what it says, or why it says nothing. */
export type ReadAgentMetrics =
  | {
      readonly path: string;
      readonly metrics: AgentMetrics;
      /** False: what the file says is what a process that is gone knew at its end; gauges mean nothing then. */
      readonly isAlive: boolean;
    }
  | { readonly path: string; readonly problem: string };

const agentMetricsSuffix = '.metrics.json';
const maxFileBytes = 256 * 1024;

/**
 * The counters of the agents whose state directory this is, living and dead, by file name. Never throws for a file: a damaged one has a
 * problem, so that nobody takes it for an agent that is well. Throws the system error when the directory cannot be listed, but ENOENT,
 * where there is no agent.
 */
export async function readAgentMetrics(stateDirectory: string): Promise<ReadAgentMetrics[]> {
  const names = await readdir(stateDirectory).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const own = names.filter((name) => !name.startsWith('.') && name.endsWith(agentMetricsSuffix)).sort();
  return await Promise.all(own.map((name) => readOne(join(stateDirectory, name))));
}

async function readOne(path: string): Promise<ReadAgentMetrics> {
  try {
    const metrics = parseAgentMetrics(await readBounded(path));
    return { path, metrics, isAlive: metrics.endedMs === undefined && isRunning(metrics.process) };
  } catch (error) {
    return { path, problem: toFailure(error).message };
  }
}

async function readBounded(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxFileBytes), 0, maxFileBytes, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
