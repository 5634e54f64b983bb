import { readdir, readFile } from 'node:fs/promises';
import { dataDirectoryId } from '@archive2/core/agent/agent-address.ts';
import { askAgent } from '@archive2/core/agent/client.ts';
import { addressOf } from '@archive2/core/agent/serve-agent.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import type { Scratch } from './scratch.ts';

const tries = 100;
const pauseMs = 50;

/** Ends the agent that fetched for the drill's server, if there is one. Resolves when it has gone; one that does not go in 5 s is killed. */
export async function stopAgent(scratch: Scratch, clock: Clock, log: Log): Promise<void> {
  if (dataDirectoryId(scratch.dataDirectory) === undefined) return;
  try {
    const { socketPath } = addressOf(scratch.agentDirectory, 'get', scratch.dataDirectory);
    await askAgent(socketPath, {
      program: process.execPath,
      kind: 'stop',
      args: [],
      workingDirectory: '/',
      environment: {},
    });
    // Not by its lock, which it lets go of before its end.
    for (let left = tries; left > 0; left -= 1) {
      if ((await agentsOf(scratch)).length === 0) return;
      await clock.sleep(pauseMs);
    }
    for (const pid of await agentsOf(scratch)) process.kill(pid, 'SIGKILL');
    log.warning('the agent of the drill did not end, and was killed', { socket: socketPath });
  } catch (error) {
    log.warning('the agent of the drill was not stopped', { reason: toFailure(error).message });
  }
}

/** Processes that were started as this scratch's agent. */
async function agentsOf({ agentDirectory }: Scratch): Promise<number[]> {
  const pids = (await readdir('/proc')).map(Number).filter((pid) => Number.isInteger(pid) && pid !== process.pid);
  const found = await Promise.all(pids.map(async (pid) => ((await isAgent(pid, agentDirectory)) ? [pid] : [])));
  return found.flat();
}

async function isAgent(pid: number, agentDirectory: string): Promise<boolean> {
  try {
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0');
    return words.includes('agent') && words.includes(`--state-dir=${agentDirectory}`);
  } catch {
    // It has ended in between.
    return false;
  }
}
