import { systemClock } from '@archive2/core/base/clock.ts';
import { toFailure } from '@archive2/core/base/failure.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { parseCall } from '@archive2/core/cli/command-call.ts';
import { runCommand, writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { localTimeZone } from '@archive2/core/cli/local-time.ts';
import { optionalText, secondsToMs } from '@archive2/core/cli/option-values.ts';
import { layoutOfStdout } from '@archive2/core/cli/terminal.ts';
import { exitOfLevel } from './check/level.ts';
import { failureOutput } from './check/plugin-output.ts';
import type { Call, Form } from './form.ts';
import { forms, loadTable } from './forms.ts';
import { openGatherer } from './gather/open-gatherer.ts';
import { readWatchedClusters } from './settings/read-settings.ts';

export function main(invocation: Invocation): void {
  // A monitor that fails knows nothing: whatever happens, its status is UNKNOWN.
  if (invocation.args[0] === 'check') {
    const { unknown } = exitOfLevel;
    runCommand({ failureStatus: unknown, statusOf: () => unknown }, () => runCheck(invocation));
  } else {
    runCommand({ failureStatus: 70 }, () => run(invocation));
  }
}

/** Monitors show what is on stdout. */
async function runCheck(invocation: Invocation): Promise<number> {
  try {
    return await run(invocation);
  } catch (error) {
    const { message, hint } = toFailure(error);
    await writeStdout(failureOutput(message, hint));
    throw error;
  }
}

async function run({ args, environment }: Invocation): Promise<number> {
  const { form, rest } = await chooseForm(args);
  const { words, options, answer } = await parseCall(form.spec, rest, environment);
  if (answer !== undefined) {
    await writeStdout(answer);
    // Also of a check: a monitor that is set up with --help must not be green.
    return args[0] === 'check' ? exitOfLevel.unknown : 0;
  }
  return await form.run(callOf(words, options, environment));
}

async function chooseForm(args: readonly string[]): Promise<{ form: Form; rest: readonly string[] }> {
  const [first, ...rest] = args;
  if (first === undefined || first.startsWith('-')) return { form: await loadTable(), rest: args };
  const load = Object.hasOwn(forms, first) ? forms[first] : undefined;
  if (load !== undefined) return { form: await load(), rest };
  const known = Object.keys(forms).join(', ');
  throw usageFailure(
    { command: 'archive-status' },
    `${JSON.stringify(first)} is not known: ${known}, or nothing for the table`,
  );
}

function callOf(words: readonly string[], options: Record<string, unknown>, environment: Call['environment']): Call {
  const log = createLog((line) => writeStderr(`${line}\n`));
  return {
    words,
    options,
    environment,
    layout: layoutOfStdout(environment),
    timeZone: localTimeZone(),
    clock: systemClock,
    log,
    print: writeStdout,
    openGatherer: async () =>
      await openGatherer(await readWatchedClusters(options), {
        timeoutMs: secondsToMs(options, 'timeout', 0.5, 60),
        stateDirectory: optionalText(options, 'state-dir') ?? environment['ARCHIVE2_STATE_DIR'],
        environment,
        clock: systemClock,
        log,
      }),
  };
}
