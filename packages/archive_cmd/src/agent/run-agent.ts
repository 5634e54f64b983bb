import { serveAgent } from '@archive2/core/agent/serve-agent.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { readAgentSettings } from '@archive2/core/cli/agent-settings.ts';
import { PushAgent } from './push-agent.ts';

/** The push agent's process. */
export async function runAgent(options: Record<string, unknown>): Promise<number> {
  await serveAgent(readAgentSettings('push', options), systemClock, ({ address, ...world }) => {
    return new PushAgent({ dataDirectoryId: address.dataDirectoryId, ...world });
  });
  return 0;
}
