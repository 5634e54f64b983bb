import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { parseArguments } from '@archive2/core/cli/arguments.ts';
import { runCommand, writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { readSettingsFile, settingsOfEnvironment } from '@archive2/core/cli/settings-file.ts';
import { statusOfFailure } from './answer.ts';
import { currentAsker } from './asker.ts';
import { runCheck } from './check/run-check.ts';
import { commandSpec, fetchWords, readFetchSettings } from './options.ts';
import { restoreFile } from './restore-file.ts';

export function run(invocation: Invocation): void {
  const asker = currentAsker();
  const isCheck = invocation.args[0] === 'check';
  // PostgreSQL expects a restore_command that is told to end to die by the signal: then it knows that nothing was said.
  process.removeAllListeners('SIGTERM');
  const failureStatus = isCheck ? 42 : statusOfFailure(asker);
  // In recovery no failure, wrong usage included, may look like the end of WAL.
  const contract = isCheck ? { failureStatus } : { failureStatus, statusOf: () => failureStatus };
  runCommand(contract, async () => {
    const { words, options, answer } = await parseArguments(commandSpec, invocation.args, {
      environment: settingsOfEnvironment(invocation.environment),
      file: readSettingsFile(`/etc/default/${commandSpec.command}`),
    });
    if (answer !== undefined) {
      await writeStdout(answer);
      return 0;
    }
    if (isCheck) return await runCheck(words.slice(1), options, invocation.environment);
    const { hostList, walDirectory, name, path, delaySeconds } = fetchWords(words);
    const settings = readFetchSettings(hostList, walDirectory, delaySeconds, options, invocation.environment);
    const log = createLog((line) => writeStderr(`${line}\n`), options['verbose'] === true ? 'debug' : 'info');
    return await restoreFile({ settings, asker, name, path }, systemClock, log);
  });
}
