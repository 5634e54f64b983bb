import type { Clock } from '../base/clock.ts';
import { startDetached } from '../base/detached-process.ts';
import type { AgentAddress } from './agent-address.ts';
import { type AgentRequest, type AgentVerdict, askAgent, type NoVerdict } from './client.ts';

export interface AgentStart {
  address: AgentAddress;
  /** The command whose agent it is; `<command> agent run` starts it. */
  command: string;
  dataDirectory: string;
  stateDirectory: string;
  /** Further flags of the agent's command line. */
  flags: readonly string[];
  environment: Record<string, string>;
  clock: Clock;
}

const startTimeoutMs = 3000;
/** An agent listens after some 25 ms; one that does not is looked for less and less often. */
const firstIntervalMs = 2;
const shareOfWait = 0.1;

/**
 * Starts an agent and asks it. Several clients may do so at once: the lock leaves one agent, and all of them reach it.
 * Resolves with `none` when no agent answered in time.
 */
export async function startAgentAndAsk(start: AgentStart, request: AgentRequest): Promise<AgentVerdict | NoVerdict> {
  startDetached({
    command: start.command,
    args: ['agent', 'run', `--data-dir=${start.dataDirectory}`, `--state-dir=${start.stateDirectory}`, ...start.flags],
    environment: start.environment,
  });
  const startedMs = start.clock.monotonicMs();
  for (;;) {
    const result = await askAgent(start.address.socketPath, request);
    // An old agent that has just retired may still be seen for a moment.
    if (result !== 'none' && result !== 'retired') return result;
    const waitedMs = start.clock.monotonicMs() - startedMs;
    if (waitedMs > startTimeoutMs) return 'none';
    await start.clock.sleep(Math.max(firstIntervalMs, waitedMs * shareOfWait));
  }
}
