import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentRole } from '../agent/agent-address.ts';
import { askAgent } from '../agent/client.ts';
import { addressOf } from '../agent/serve-agent.ts';
import { findStateDirectory } from '../agent/state-directory.ts';
import { failureTable } from '../base/failure-table.ts';
import { writeStdout } from './exit.ts';
import { optionalText } from './option-values.ts';

/**
 * Asks the agents of this user and role, all or the one of `--data-dir`, for their status, or to stop. Prints a line for each that
 * answers. The status is 0 when at least one answered; a dead one's socket says so and counts as none.
 */
export async function operateAgents(
  role: AgentRole,
  kind: 'status' | 'stop',
  options: Record<string, unknown>,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const { path } = findStateDirectory(optionalText(options, 'state-dir') ?? environment['ARCHIVE2_STATE_DIR']);
  const dataDirectory = optionalText(options, 'data-dir');
  const sockets =
    dataDirectory === undefined ? agentSockets(path, role) : [addressOf(path, role, dataDirectory).socketPath];
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
  return answered > 0 ? 0 : failureTable.agent_unavailable.exit;
}

function agentSockets(stateDirectory: string, role: AgentRole): string[] {
  try {
    const names = readdirSync(stateDirectory).filter((name) => name.startsWith(`${role}-`) && name.endsWith('.sock'));
    return names.map((name) => join(stateDirectory, name));
  } catch {
    // No state directory: no agent.
    return [];
  }
}
