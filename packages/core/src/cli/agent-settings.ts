import type { AgentRole } from '../agent/agent-address.ts';
import type { AgentSettings } from '../agent/serve-agent.ts';
import { optionalText, requiredText, secondsToMs } from './option-values.ts';
import { programVersion } from './version.ts';

/** The settings of an agent's own life, from the options of `<command> agent run`. Throws Failure `usage`. */
export function readAgentSettings(role: AgentRole, options: Record<string, unknown>): AgentSettings {
  return {
    role,
    dataDirectory: requiredText(options, 'data-dir'),
    stateDirectory: optionalText(options, 'state-dir'),
    idleMs: secondsToMs(options, 'agent-idle', 1, 7 * 86_400),
    isVerbose: options['verbose'] === true,
    build: programVersion,
  };
}

/** The flags that pass those settings on from a call to the agent that it starts. */
export function agentFlags(options: Record<string, unknown>): string[] {
  const idle = `--agent-idle=${requiredText(options, 'agent-idle')}`;
  return options['verbose'] === true ? [idle, '--verbose'] : [idle];
}
