import { quickStat } from './file-door.ts';

/** What an agent does: pushes archive files, or gets them. One agent serves one user, data directory and role. */
export type AgentRole = 'push' | 'get';

export interface AgentAddress {
  role: AgentRole;
  /** The data directory by what it is, not by what it is called. */
  dataDirectoryId: string;
  socketPath: string;
  lockPath: string;
  logPath: string;
  /** What it counts, see AgentMetrics. */
  metricsPath: string;
}

/**
 * The address that the agent for the working directory has, if that is a data directory, as it is when PostgreSQL calls. Nobody
 * listens there otherwise: `isDataDirectory` is for who wants to start one.
 */
export function addressInWorkingDirectory(stateDirectory: string, role: AgentRole): AgentAddress | undefined {
  const id = dataDirectoryId('.');
  return id === undefined ? undefined : agentAddress(stateDirectory, role, id);
}

export function agentAddress(stateDirectory: string, role: AgentRole, id: string): AgentAddress {
  const base = `${stateDirectory}/${role}-${id}`;
  return {
    role,
    dataDirectoryId: id,
    socketPath: `${base}.sock`,
    lockPath: `${base}.lock`,
    logPath: `${base}.log`,
    metricsPath: `${base}.metrics.json`,
  };
}

/**
 * A directory's device and inode: the same however it is reached, and never the same for two of them. Undefined when it is not
 * there.
 */
export function dataDirectoryId(path: string): string | undefined {
  // With the dot a link to the data directory is followed.
  return quickStat(`${path}/.`)?.id;
}

/** Whether a directory looks like PostgreSQL's. */
export function isDataDirectory(path: string): boolean {
  return quickStat(`${path}/PG_VERSION`) !== undefined;
}
