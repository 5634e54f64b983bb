import { serveAgent } from '@archive2/core/agent/serve-agent.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { readAgentSettings } from '@archive2/core/cli/agent-settings.ts';
import { DelayFile } from '../delay/delay-file.ts';
import { GetAgent } from './get-agent.ts';

/** The get agent's process. */
export async function runAgent(options: Record<string, unknown>): Promise<number> {
  await serveAgent(
    readAgentSettings('get', options),
    systemClock,
    ({ address, stateDirectory, journal, clock, log }) => {
      const bufferDirectory = `${stateDirectory}/buffer-${address.dataDirectoryId}`;
      const delayFile = DelayFile.of(stateDirectory, address.dataDirectoryId, clock);
      return new GetAgent({ bufferDirectory, stateDirectory, delayFile, journal, clock, log });
    },
  );
  return 0;
}
