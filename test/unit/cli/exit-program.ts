/** Run as a program of its own by exit.test.ts: ends as its argument says. */
import { Failure } from '../../../packages/core/src/base/failure.ts';
import { type ExitContract, runCommand, writeStderr, writeStdout } from '../../../packages/core/src/cli/exit.ts';

const [how = '', text = ''] = process.argv.slice(2);
const contract: ExitContract = { failureStatus: 70 };

const ends: Record<string, () => Promise<number>> = {
  resolve: () => Promise.resolve(Number(text)),
  'reject-failure': () => Promise.reject(new Failure('conflict', 'two contents\nunder one name', { hint: 'Look.' })),
  'reject-error': () => Promise.reject(new TypeError('a bug')),
  'reject-nothing': () => Promise.reject(undefined as unknown as Error),
  throw: () => {
    throw new Error('before there was a promise');
  },
  'throw-later': () => {
    setTimeout(() => {
      throw new Error('out of a timer');
    }, 1);
    return new Promise(() => undefined);
  },
  never: () => new Promise(() => undefined),
  'reject-aside': async () => {
    // Nobody awaits it, and the work is not done yet.
    Promise.withResolvers<never>().reject(new Error('on the side'));
    await new Promise((resolve) => setTimeout(resolve, 2000));
    return 0;
  },
  'write-and-resolve': async () => {
    await writeStdout('result\n');
    return 0;
  },
  'write-much': async () => {
    await writeStdout('x'.repeat(1024 * 1024));
    return 0;
  },
  'complain-and-resolve': () => {
    writeStderr('said\n');
    return Promise.resolve(0);
  },
  'keep-busy-and-resolve': () => {
    setInterval(() => undefined, 1000);
    return Promise.resolve(0);
  },
  'status-of': () => {
    contract.statusOf = () => 126;
    return Promise.reject(new Error('not known'));
  },
  'outer-status': () => {
    process.exitCode = 0;
    return new Promise(() => undefined);
  },
};

runCommand(contract, () => ends[how]?.() ?? Promise.resolve(1));
