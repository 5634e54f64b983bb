import { Activity } from '@archive2/core/base/activity.ts';
import { childEnvironment } from '@archive2/core/base/child-environment.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { parseArguments, usageFailure } from '@archive2/core/cli/arguments.ts';
import { runCommand, writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { readSettingsFile, settingsOfEnvironment } from '@archive2/core/cli/settings-file.ts';
import { runInit } from './init.ts';
import { commandSpec, readOptions } from './options.ts';
import { runPay } from './pay/run-pay.ts';
import type { RemoteRun } from './remote-run.ts';
import { runServe } from './serve/run-serve.ts';

const forms: Record<string, (run: RemoteRun) => Promise<void>> = { serve: runServe, init: runInit, pay: runPay };

export function main(invocation: Invocation): void {
  runCommand({ failureStatus: 70 }, () => run(invocation));
}

async function run(invocation: Invocation): Promise<number> {
  const { words, options, answer } = await parseArguments(commandSpec, invocation.args, {
    environment: settingsOfEnvironment(invocation.environment),
    file: readSettingsFile(`/etc/default/${commandSpec.command}`),
  });
  if (answer !== undefined) {
    await writeStdout(answer);
    return 0;
  }
  const [form, ...rest] = words;
  const runForm = form === undefined ? undefined : forms[form];
  if (runForm === undefined || rest.length > 0) {
    throw usageFailure(commandSpec, `the first word is one of ${Object.keys(forms).join(', ')}, and the only one`);
  }
  const remoteOptions = readOptions(options);
  await runForm({
    options: remoteOptions,
    environment: childEnvironment(invocation.environment),
    clock: systemClock,
    log: createLog((line) => writeStderr(`${line}\n`), remoteOptions.verbose ? 'debug' : 'info'),
    activity: new Activity(),
  });
  return 0;
}
