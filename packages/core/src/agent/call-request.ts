import type { AgentRequest } from './client.ts';

/** A command as it was called: its words, and the environment with all that is not ours. */
export interface CalledCommand {
  args: readonly string[];
  environment: Readonly<Record<string, string | undefined>>;
}

/** What an agent is asked: the call as it was made, and of the environment what its settings may depend on. */
export function callRequest({ args, environment }: CalledCommand): AgentRequest {
  const relevant: Record<string, string> = {};
  for (const name in environment) {
    const value = environment[name];
    if (value !== undefined && (name.startsWith('ARCHIVE2_') || name === 'SSH_AUTH_SOCK')) relevant[name] = value;
  }
  return { program: process.execPath, kind: 'call', args, workingDirectory: process.cwd(), environment: relevant };
}
