import type { Clock } from '../base/clock.ts';
import { Failure } from '../base/failure.ts';
import type { Log } from '../base/log.ts';
import { type AgentAddress, type AgentRole, agentAddress, dataDirectoryId } from './agent-address.ts';
import { AgentJournal } from './agent-journal.ts';
import { createAgentLog } from './agent-log.ts';
import { AgentServer, type AgentWork } from './agent-server.ts';
import { findStateDirectory } from './state-directory.ts';

export interface AgentSettings {
  role: AgentRole;
  dataDirectory: string;
  /** As configured; undefined for the usual place. */
  stateDirectory: string | undefined;
  idleMs: number;
  isVerbose: boolean;
  /** This program's release, for people. */
  build: string;
}

/** What an agent's work is given to live in. */
export interface AgentWorld {
  address: AgentAddress;
  stateDirectory: string;
  journal: AgentJournal;
  clock: Clock;
  log: Log;
}

/**
 * An agent's process: lives until it is idle, told to end, or outdated; ends at once when there is one for the same role and data
 * directory already. Throws Failure `state_directory` when there is no directory that only this user may enter.
 */
export async function serveAgent(
  settings: AgentSettings,
  clock: Clock,
  makeWork: (world: AgentWorld) => AgentWork,
): Promise<void> {
  const { path: stateDirectory, isTrusted } = findStateDirectory(settings.stateDirectory);
  if (!isTrusted) {
    throw new Failure('state_directory', `${stateDirectory} is not a directory of this user alone`, {
      hint: 'Make it with mode 0700, owned by the user that runs PostgreSQL.',
    });
  }
  const address = addressOf(stateDirectory, settings.role, settings.dataDirectory);
  const log = createAgentLog(address.logPath, clock, settings.isVerbose ? 'debug' : 'info');
  // The exit contract ends the process; this only says why, where somebody will look.
  process.on('uncaughtException', (error) => log.error('uncaught', { reason: String(error.stack ?? error) }));
  process.on('unhandledRejection', (error) => log.error('unhandled rejection', { reason: String(error) }));
  const { build, idleMs, dataDirectory } = settings;
  const journal = new AgentJournal({ address, stateDirectory, dataDirectory, program: build, clock, log });
  await new AgentServer(
    { address, build, idleMs, witness: journal, clock, log },
    makeWork({ address, stateDirectory, journal, clock, log }),
  ).run();
  await journal.events.settled();
}

/** The address of a data directory's agent. Throws Failure `usage` when the directory is not there. */
export function addressOf(stateDirectory: string, role: AgentRole, dataDirectory: string): AgentAddress {
  const id = dataDirectoryId(dataDirectory);
  if (id === undefined) throw new Failure('usage', `there is no data directory ${dataDirectory}`);
  return agentAddress(stateDirectory, role, id);
}
