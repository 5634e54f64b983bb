import { type AgentAddress, agentAddress, dataDirectoryId } from '@archive2/core/agent/agent-address.ts';
import { Failure } from '@archive2/core/base/failure.ts';

/** The address of the push agent of a data directory. Throws Failure `usage` when that is not there. */
export function pushAgentOf(stateDirectory: string, dataDirectory: string): AgentAddress {
  const id = dataDirectoryId(dataDirectory);
  if (id === undefined) throw new Failure('usage', `there is no data directory ${dataDirectory}`);
  return agentAddress(stateDirectory, 'push', id);
}
