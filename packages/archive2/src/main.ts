/**
 * The one executable: picks the command by the name that it was called by, or by its first argument.
 *
 * What archive_cmd and restore_cmd need on their way to the agent is part of this module; everything else is in two others, loaded
 * only when they are called for. That way is recovery time.
 */
import { main as archiveCmd } from '@archive2/archive_cmd/main.ts';
import { forManyFiles } from '@archive2/core/base/runtime-settings.ts';
import { currentInvocation, type Invocation } from '@archive2/core/cli/invocation.ts';
import { startAnew } from '@archive2/core/cli/start-anew.ts';
import { main as restoreCmd } from '@archive2/restore_cmd/main.ts';

type Command = (invocation: Invocation) => void;
type Rest = typeof import('./rest.ts');

const loadTransfer = () => import('./transfer.ts');
const loadRest = () => import('./rest.ts');

const commands: Record<string, Command> = {
  archive_cmd: (invocation) => archiveCmd(invocation, async () => ({ run: (await loadTransfer()).runArchiveCmd })),
  archive_remote_cmd: (invocation) => {
    if (takesFiles(invocation.args)) startAnew(invocation, forManyFiles);
    loadTransfer().then((transfer) => transfer.runArchiveRemoteCmd(invocation), fail);
  },
  'archive-status': fromRest((rest) => rest.runArchiveStatus),
  'backup-queue': fromRest((rest) => rest.runBackupQueue),
  'backup-restore': fromRest((rest) => rest.runBackupRestore),
  'backup-verify': fromRest((rest) => rest.runBackupVerify),
  'base-backup': fromRest((rest) => rest.runBaseBackup),
  restore_cmd: (invocation) =>
    restoreCmd(invocation, async () => {
      const { runRestoreCmd, deliverAcross } = await loadTransfer();
      return { run: runRestoreCmd, deliverAcross };
    }),
  'wal-cleanup': fromRest((rest) => rest.runWalCleanup),
  'wal-sync': fromRest((rest) => rest.runWalSync),
};

function start(invocation: Invocation): void {
  const [calledName = '', ...args] = invocation.args;
  const command = Object.hasOwn(commands, invocation.calledName) ? commands[invocation.calledName] : undefined;
  if (command !== undefined) command(invocation);
  else if (Object.hasOwn(commands, calledName)) start({ ...invocation, calledName, args });
  else loadRest().then((rest) => rest.runUnknownCommand(invocation, Object.keys(commands)), fail);
}

function fromRest(commandIn: (rest: Rest) => Command): Command {
  return (invocation) => {
    loadRest().then((rest) => commandIn(rest)(invocation), fail);
  };
}

/** Whether it is a session that is sent files. Here, as nothing else is loaded until it has started anew. */
function takesFiles([form, ...options]: readonly string[]): boolean {
  return form === 'serve' && options.some((option) => /(^|=|,)(put|sync)(,|$)/.test(option));
}

function fail(error: unknown): void {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
}

process.exitCode = 70;
start(currentInvocation());
