import { dataDirectoryId } from '@archive2/core/agent/agent-address.ts';
import { askAgent } from '@archive2/core/agent/client.ts';
import { addressOf } from '@archive2/core/agent/serve-agent.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import type { Log } from '@archive2/core/base/log.ts';
import { tryLock } from '@archive2/core/files/lock.ts';
import type { Scratch } from './scratch.ts';

const tries = 100;
const pauseMs = 50;

/** Ends the agent that fetched for the drill's server, if there is one. Resolves when it has gone, or does not go in 5 s, which is logged. */
export async function stopAgent(scratch: Scratch, clock: Clock, log: Log): Promise<void> {
  if (dataDirectoryId(scratch.dataDirectory) === undefined) return;
  try {
    const address = addressOf(scratch.agentDirectory, 'get', scratch.dataDirectory);
    const request = {
      program: process.execPath,
      kind: 'stop' as const,
      args: [],
      workingDirectory: '/',
      environment: {},
    };
    if ((await askAgent(address.socketPath, request)) === 'none') return;
    for (let left = tries; left > 0; left -= 1) {
      // It holds its lock until its end.
      const lock = tryLock(address.lockPath);
      if (lock !== undefined) {
        lock.release();
        return;
      }
      await clock.sleep(pauseMs);
    }
    log.warning('the agent of the drill does not end', { socket: address.socketPath });
  } catch (error) {
    log.warning('the agent of the drill was not stopped', { reason: toFailure(error).message });
  }
}
