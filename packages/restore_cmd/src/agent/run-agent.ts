import { serveAgent } from '@archive2/core/agent/serve-agent.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { optionalText, requiredText, secondsToMs } from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { GetAgent } from './get-agent.ts';

/** The get agent's process. */
export async function runAgent(options: Record<string, unknown>): Promise<number> {
  const settings = {
    role: 'get' as const,
    dataDirectory: requiredText(options, 'data-dir'),
    stateDirectory: optionalText(options, 'state-dir'),
    idleMs: secondsToMs(options, 'agent-idle', 1, 7 * 86_400),
    isVerbose: options['verbose'] === true,
    build: programVersion,
  };
  await serveAgent(settings, systemClock, ({ address, stateDirectory, clock, log }) => {
    const bufferDirectory = `${stateDirectory}/buffer-${address.dataDirectoryId}`;
    return new GetAgent({ bufferDirectory, stateDirectory, clock, log });
  });
  return 0;
}
