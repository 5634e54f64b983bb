import { randomBytes } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { childEnvironment } from '@archive2/core/base/child-environment.ts';
import type { Clock } from '@archive2/core/base/clock.ts';
import { SupervisedProcess } from '@archive2/core/base/supervised-process.ts';

export interface Hook {
  /** A line of shell. */
  command: string;
  timeoutMs: number;
  /** Where what it reads lies while it runs. */
  directory: string;
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
}

/** What the command reads on stdin, and finds in its environment. */
export interface HookInput {
  text: string;
  variables: Record<string, string>;
}

/** Its stdin is a file: a command that does not read it ends all the same, and one that reads slowly is waited for, within its time. */
const script = 'exec <"$1" && exec /bin/sh -c "$0"';
const graceMs = 2000;
const keptLines = 5;

/**
 * Runs the command once. Undefined when it ended with 0, else why not, with its last words. After its time, or when the signal aborts,
 * it and all that it started are ended. It dies with us.
 */
export async function runHook(hook: Hook, input: HookInput, signal: AbortSignal): Promise<string | undefined> {
  const path = join(hook.directory, `.notification.${randomBytes(8).toString('hex')}.part`);
  await writeFile(path, input.text, { mode: 0o600, flag: 'wx' });
  try {
    return await runWith(hook, path, input.variables, signal);
  } finally {
    await rm(path, { force: true });
  }
}

async function runWith(
  { command, timeoutMs, environment, clock }: Hook,
  path: string,
  variables: Record<string, string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const lines: string[] = [];
  const process = new SupervisedProcess({
    path: '/bin/sh',
    args: ['-c', script, command, path],
    environment: { ...childEnvironment(environment), ...variables },
    onLine: (line) => {
      lines.push(line.slice(0, 200));
      if (lines.length > keptLines) lines.shift();
    },
  });
  const over = new AbortController();
  const enough = AbortSignal.any([signal, over.signal]);
  const outOfTime = clock.sleep(timeoutMs, enough).then(() => undefined);
  const ended = await Promise.race([process.ended, outOfTime]);
  over.abort();
  if (ended?.status === 0) return undefined;
  if (ended === undefined) await process.stop(graceMs);
  const how = ended?.description ?? (signal.aborted ? 'ended with us' : `not done after ${timeoutMs / 1000} s`);
  return [how, ...lines].join('; ');
}
