/**
 * The one executable: picks the command by the name that it was called by, or by its first argument.
 *
 * What archive_cmd and restore_cmd need on their way to the agent is part of this module, because each further one costs a
 * call; everything else is loaded only when it is called for. That way is recovery time.
 */
import { main as archiveCmd } from '@archive2/archive_cmd/main.ts';
import { currentInvocation, type Invocation } from '@archive2/core/cli/invocation.ts';
import { main as restoreCmd } from '@archive2/restore_cmd/main.ts';

type Main = (invocation: Invocation) => void;

const commands: Record<string, () => Promise<{ main: Main }>> = {
  archive_cmd: async () => ({ main: archiveCmd }),
  archive_remote_cmd: () => import('@archive2/archive_remote_cmd/main.ts'),
  restore_cmd: async () => ({ main: restoreCmd }),
};

function start(invocation: Invocation): void {
  const load = commands[invocation.calledName];
  if (load !== undefined) {
    load().then(({ main }) => main(invocation), fail);
    return;
  }
  const [calledName = '', ...args] = invocation.args;
  if (Object.hasOwn(commands, calledName)) {
    start({ ...invocation, calledName, args });
    return;
  }
  import('./unknown-command.ts').then(({ main }) => main(invocation, Object.keys(commands)), fail);
}

function fail(error: unknown): void {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
}

process.exitCode = 70;
start(currentInvocation());
