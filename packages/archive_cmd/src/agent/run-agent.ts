import { createAgentLog } from '@archive2/core/agent/agent-log.ts';
import { AgentServer } from '@archive2/core/agent/agent-server.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { Failure } from '@archive2/core/base/failure.ts';
import { optionalText, requiredText, secondsToMs } from '@archive2/core/cli/option-values.ts';
import { programVersion } from '@archive2/core/cli/version.ts';
import { PushAgent } from './push-agent.ts';
import { pushAgentOf } from './push-agent-address.ts';

/** The agent's process: lives until it is idle, told to end, or outdated. Ends at once, well, when there is one already. */
export async function runAgent(options: Record<string, unknown>): Promise<number> {
  const stateDirectory = findStateDirectory(optionalText(options, 'state-dir'));
  if (!stateDirectory.isTrusted) {
    throw new Failure('state_directory', `${stateDirectory.path} is not a directory of this user alone`, {
      hint: 'Make it with mode 0700, owned by the user that runs PostgreSQL.',
    });
  }
  const address = pushAgentOf(stateDirectory.path, requiredText(options, 'data-dir'));
  const clock = systemClock;
  const log = createAgentLog(address.logPath, clock, options['verbose'] === true ? 'debug' : 'info');
  // The exit contract ends the process; this only says why, where somebody will look.
  process.on('uncaughtException', (error) => log.error('uncaught', { reason: String(error.stack ?? error) }));
  process.on('unhandledRejection', (error) => log.error('unhandled rejection', { reason: String(error) }));
  const work = new PushAgent({
    dataDirectoryId: address.dataDirectoryId,
    stateDirectory: stateDirectory.path,
    clock,
    log,
  });
  const idleMs = secondsToMs(options, 'agent-idle', 1, 7 * 86_400);
  await new AgentServer({ address, build: programVersion, idleMs, clock, log }, work).run();
  return 0;
}
