import { createAgentLog } from '@archive2/core/agent/agent-log.ts';
import { archiveEvents } from '@archive2/core/archive/events.ts';
import { Activity } from '@archive2/core/base/activity.ts';
import { childEnvironment } from '@archive2/core/base/child-environment.ts';
import { systemClock } from '@archive2/core/base/clock.ts';
import { createLog, type Log } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { parseCall } from '@archive2/core/cli/command-call.ts';
import { runCommand, writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { runConflict } from './conflict/run-conflict.ts';
import { runInit } from './init.ts';
import { commandSpec, type RemoteOptions, readOptions } from './options.ts';
import { runPay } from './pay/run-pay.ts';
import { runPledge } from './pledge/run-pledge.ts';
import type { RemoteRun } from './remote-run.ts';
import { runServe } from './serve/run-serve.ts';

const forms: Record<string, (run: RemoteRun) => Promise<void>> = {
  serve: runServe,
  init: runInit,
  pay: runPay,
  conflict: runConflict,
  pledge: runPledge,
};

export function main(invocation: Invocation): void {
  runCommand({ failureStatus: 70 }, () => run(invocation));
}

async function run(invocation: Invocation): Promise<number> {
  const { words, options, answer } = await parseCall(commandSpec, invocation.args, invocation.environment);
  if (answer !== undefined) {
    await writeStdout(answer);
    return 0;
  }
  const [form = '', ...rest] = words;
  const runForm = Object.hasOwn(forms, form) ? forms[form] : undefined;
  if (runForm === undefined) {
    throw usageFailure(commandSpec, `the first word is one of ${Object.keys(forms).join(', ')}`);
  }
  if (rest.length > 0 && runForm !== runConflict && runForm !== runPledge) {
    throw usageFailure(commandSpec, `${form} takes options only, not ${JSON.stringify(rest[0])}`);
  }
  const remoteOptions = readOptions(options);
  const world = { clock: systemClock, log: openLog(remoteOptions) };
  const events = archiveEvents(remoteOptions.directory, remoteOptions.cluster, world);
  try {
    await runForm({
      words: rest,
      options: remoteOptions,
      environment: childEnvironment(invocation.environment),
      ...world,
      events,
      activity: new Activity(),
    });
  } finally {
    await events.settled();
  }
  return 0;
}

function openLog({ logFile, verbose }: RemoteOptions): Log {
  const threshold = verbose ? 'debug' : 'info';
  if (logFile !== undefined) return createAgentLog(logFile, systemClock, threshold);
  return createLog((line) => writeStderr(`${line}\n`), threshold);
}
