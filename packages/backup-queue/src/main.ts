import type { Failure } from '@archive2/core/base/failure.ts';
import { createLog } from '@archive2/core/base/log.ts';
import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { parseCall } from '@archive2/core/cli/command-call.ts';
import type { CommandSpec } from '@archive2/core/cli/command-spec.ts';
import { runCommand, writeStderr, writeStdout } from '@archive2/core/cli/exit.ts';
import type { Invocation } from '@archive2/core/cli/invocation.ts';
import { localTimeZone } from '@archive2/core/cli/local-time.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { layoutOfStdout } from '@archive2/core/cli/terminal.ts';
import { openQueue } from '@archive2/core/queue/open-queue.ts';
import { defaultPatience, type Patience } from '@archive2/core/queue/postgres-connection.ts';
import { parseQueueLocation } from '@archive2/core/queue/queue-location.ts';
import { readQueueLogin } from '@archive2/core/queue/queue-login.ts';
import { formSpec } from './form-spec.ts';
import { forms } from './forms.ts';

const generalSpec: CommandSpec = formSpec({
  summary: 'The queue of backups: which archive host backs up which cluster when.',
  usage: [...Object.values(forms).flatMap(({ spec }) => spec.usage), 'FORM --help                    its options'],
  options: {},
  examples: [
    ['backup-queue list', 'how all clusters stand'],
    ['backup-queue show main', 'why nothing is running, and when the next one is'],
  ],
});

/** A person waits, and can call again. */
const patience: Patience = { ...defaultPatience, callMs: 5_000 };

export function main(invocation: Invocation): void {
  runCommand({ failureStatus: 70 }, () => run(invocation));
}

async function run(invocation: Invocation): Promise<number> {
  const { name, args } = takeForm(invocation.args);
  const form = name === undefined || !Object.hasOwn(forms, name) ? undefined : forms[name];
  if (name !== undefined && form === undefined) throw unknownForm(`${JSON.stringify(name)} is not known`);
  const { words, options, answer } = await parseCall(form?.spec ?? generalSpec, args, invocation.environment);
  if (answer !== undefined) {
    await writeStdout(answer);
    return 0;
  }
  if (form === undefined) throw unknownForm('what to do is missing');
  const location = () => parseQueueLocation(optionalText(options, 'queue') ?? '');
  await form.run({
    words,
    options,
    environment: invocation.environment,
    layout: layoutOfStdout(invocation.environment),
    timeZone: localTimeZone(),
    log: createLog((line) => writeStderr(`${line}\n`)),
    print: writeStdout,
    location,
    async withQueue(work) {
      const queue = await openQueue(location(), await readQueueLogin('backup-queue', invocation.environment), patience);
      try {
        return await work(queue);
      } finally {
        await queue.close();
      }
    },
  });
  return 0;
}

function unknownForm(problem: string): Failure {
  return usageFailure(generalSpec, `${problem}: ${Object.keys(forms).join(', ')}`);
}

/** The first word that is neither an option nor the value of `--queue` says what to do; the rest are its arguments. */
function takeForm(args: readonly string[]): { name: string | undefined; args: string[] } {
  const index = args.findIndex((arg, position) => !arg.startsWith('-') && args[position - 1] !== '--queue');
  if (index < 0) return { name: undefined, args: [...args] };
  return { name: args[index], args: args.toSpliced(index, 1) };
}
