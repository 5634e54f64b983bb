import { type AgentRole, addressInWorkingDirectory, isDataDirectory } from '../agent/agent-address.ts';
import { callRequest } from '../agent/call-request.ts';
import type { AgentVerdict, NoVerdict } from '../agent/client.ts';
import { makeStateDirectory } from '../agent/make-state-directory.ts';
import { startAgentAndAsk } from '../agent/start-agent.ts';
import { configuredStateDirectory, findStateDirectory } from '../agent/state-directory.ts';
import { childEnvironment } from '../base/child-environment.ts';
import type { Clock } from '../base/clock.ts';
import type { Invocation } from './invocation.ts';

export interface NewAgent {
  role: AgentRole;
  command: string;
  /** What came of asking the agent that was there. */
  unanswered: NoVerdict | undefined;
  /** Flags of the call that the agent's own life depends on. */
  flags: readonly string[];
  /** What its runtime is to be told; default nothing. */
  runtime?: Readonly<Record<string, string>>;
}

/**
 * Starts an agent for the data directory that is the working directory, and asks it; undefined where there can be none: outside a
 * data directory, without a state directory to trust, or beside an agent that is broken, unable or silent, and holds its lock.
 */
export async function askNewAgent(
  invocation: Invocation,
  agent: NewAgent,
  clock: Clock,
): Promise<AgentVerdict | undefined> {
  const { unanswered } = agent;
  if (unanswered === 'broken' || unanswered === 'unable' || unanswered === 'silent') return undefined;
  const { environment } = invocation;
  const { path: stateDirectory } = findStateDirectory(configuredStateDirectory(invocation.args, environment));
  if (!makeStateDirectory(stateDirectory)) return undefined;
  const address = isDataDirectory('.') ? addressInWorkingDirectory(stateDirectory, agent.role) : undefined;
  if (address === undefined) return undefined;
  const start = {
    address,
    command: agent.command,
    dataDirectory: process.cwd(),
    stateDirectory,
    flags: agent.flags,
    environment: { ...childEnvironment(environment), ...agent.runtime },
    clock,
  };
  const result = await startAgentAndAsk(start, callRequest(invocation));
  return typeof result === 'string' ? undefined : result;
}
