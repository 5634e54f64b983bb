/**
 * Run as a program of its own by agent-server.test.ts: an agent in the state directory that its first argument names. Its
 * work is told by the call: "wait" never ends, "fail" is rejected, all else is done at once.
 */
import { agentAddress } from '../../../packages/core/src/agent/agent-address.ts';
import { AgentServer } from '../../../packages/core/src/agent/agent-server.ts';
import { systemClock } from '../../../packages/core/src/base/clock.ts';
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { createLog } from '../../../packages/core/src/base/log.ts';

const [stateDirectory = '', idleMs = '60000'] = process.argv.slice(2);
const work = {
  deadlineMs: () => Promise.resolve(1000),
  async call({ args }: { args: readonly string[] }) {
    if (args[0] === 'wait') await new Promise(() => undefined);
    if (args[0] === 'fail') throw new Failure('conflict', 'other content');
    return { status: 0, stdout: args.join(' ') };
  },
  isBusy: () => false,
  describe: () => ({ shipped: 7 }),
  stop: () => undefined,
};
const log = createLog((line) => process.stderr.write(`${line}\n`));
const address = agentAddress(stateDirectory, 'push', '1.2-3');
const ran = await new AgentServer(
  { address, build: '1.0-test', idleMs: Number(idleMs), clock: systemClock, log },
  work,
).run();
process.stderr.write(ran ? 'ended\n' : 'there is one already\n');
process.exit(0);
