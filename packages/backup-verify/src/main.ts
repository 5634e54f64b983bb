import { createLog } from '@archive2/core/base/log.ts';
import { parseCall } from '@archive2/core/cli/command-call.ts';
import { runCommand, writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { signalsAsAbort } from '@archive2/core/cli/signals-as-abort.ts';
import { commandSpec, readCall } from './options.ts';
import { runVerify } from './run-verify.ts';

export function main(invocation: Invocation): void {
  runCommand({ failureStatus: 70 }, () => run(invocation));
}

async function run({ args, environment }: Invocation): Promise<number> {
  const { words, options, answer } = await parseCall(commandSpec, args, environment);
  if (answer !== undefined) {
    await writeStdout(answer);
    return 0;
  }
  const log = createLog((line) => writeStderr(`${line}\n`), options['verbose'] === true ? 'debug' : 'info');
  return await runVerify(readCall(words, options), { environment, log, signal: signalsAsAbort('the drill') });
}
