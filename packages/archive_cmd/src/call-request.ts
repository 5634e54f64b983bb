import type { AgentRequest } from '@archive2/core/agent/client.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';

/** What the agent is asked: the call as it was made, and of the environment what its settings may depend on. */
export function callRequest({ args, environment }: Invocation): AgentRequest {
  const relevant: Record<string, string> = {};
  for (const name in environment) {
    const value = environment[name];
    if (value !== undefined && (name.startsWith('ARCHIVE2_') || name === 'SSH_AUTH_SOCK')) relevant[name] = value;
  }
  return { program: process.execPath, kind: 'call', args, workingDirectory: process.cwd(), environment: relevant };
}
