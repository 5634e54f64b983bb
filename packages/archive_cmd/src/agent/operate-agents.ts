import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { askAgent } from '@archive2/core/agent/client.ts';
import { findStateDirectory } from '@archive2/core/agent/state-directory.ts';
import { writeStdout } from '@archive2/core/cli/exit.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { pushAgentOf } from './push-agent-address.ts';

/**
 * Asks the push agents of this user, all or the one of `--data-dir`, for their status, or to stop. Prints a line for each that
 * answers. The status is 0 when at least one answered; a dead one's socket says so and counts as none.
 */
export async function operateAgents(
  kind: 'status' | 'stop',
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const { path } = findStateDirectory(optionalText(options, 'state-dir') ?? environment['ARCHIVE2_STATE_DIR']);
  const dataDirectory = optionalText(options, 'data-dir');
  const sockets = dataDirectory === undefined ? agentSockets(path) : [pushAgentOf(path, dataDirectory).socketPath];
  let answered = 0;
  for (const socket of sockets) {
    const request = { program: process.execPath, kind, args: [], workingDirectory: '/', environment: {} };
    const result = await askAgent(socket, request);
    if (typeof result === 'string') {
      await writeStdout(`${socket}: no answer (${result})\n`);
    } else {
      answered += 1;
      await writeStdout(`${socket}: ${kind === 'stop' ? 'stopping' : (result.stdout ?? '')}\n`);
    }
  }
  if (sockets.length === 0) await writeStdout(`no agent in ${path}\n`);
  return answered > 0 ? 0 : 41;
}

function agentSockets(stateDirectory: string): string[] {
  try {
    const names = readdirSync(stateDirectory).filter((name) => name.startsWith('push-') && name.endsWith('.sock'));
    return names.map((name) => join(stateDirectory, name));
  } catch {
    // No state directory: no agent.
    return [];
  }
}
