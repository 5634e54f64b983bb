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

/**
 * In an agent that decodes, the runtime's allocator keeps what was freed for the next segment, instead of giving it back to the kernel
 * and faulting it in again page by page: a third of the CPU of decoding and writing 16 MB (16 against 11 ms, Bun 1.4.5). Its memory
 * stays at its peak, 235 MB with segments of 16 MB instead of 175. One that pushes gains less, and has to stay below 200 MB.
 */
const keepFreedMemory = { MIMALLOC_PURGE_DELAY: '-1' };

const startTimeoutMs = 3000;
const pollIntervalMs = 10;

/**
 * Starts an agent and asks it. Several clients may do so at once: the lock leaves one agent, and all of them reach it.
 * Resolves with `none` when no agent answered in time.
 */
export async function startAgentAndAsk(start: AgentStart, request: AgentRequest): Promise<AgentVerdict | NoVerdict> {
  startDetached({
    command: start.command,
    args: ['agent', 'run', `--data-dir=${start.dataDirectory}`, `--state-dir=${start.stateDirectory}`, ...start.flags],
    environment: { ...start.environment, ...(start.address.role === 'get' ? keepFreedMemory : {}) },
  });
  const giveUpMs = start.clock.monotonicMs() + startTimeoutMs;
  for (;;) {
    const result = await askAgent(start.address.socketPath, request);
    // An old agent that has just retired may still be seen for a moment.
    if (result !== 'none' && result !== 'retired') return result;
    if (start.clock.monotonicMs() > giveUpMs) return 'none';
    await start.clock.sleep(pollIntervalMs);
  }
}
