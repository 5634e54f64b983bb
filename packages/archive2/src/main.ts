/**
 * The one executable: picks the command by the name that it was called by, or by its first argument.
 *
 * What archive_cmd and restore_cmd need on their way to the agent is part of this module; everything else is another one, loaded
 * only when it is called for. That way is recovery time.
 */
import { main as archiveCmd } from '@archive2/archive_cmd/main.ts';
import { forManyFiles } from '@archive2/core/base/runtime-settings.ts';
import { currentInvocation, type Invocation } from '@archive2/core/cli/invocation.ts';
import { startAnew } from '@archive2/core/cli/start-anew.ts';
import { main as restoreCmd } from '@archive2/restore_cmd/main.ts';

const loadRest = () => import('./rest.ts');

const commands: Record<string, (invocation: Invocation) => void> = {
  archive_cmd: (invocation) => archiveCmd(invocation, async () => ({ run: (await loadRest()).runArchiveCmd })),
  archive_remote_cmd: (invocation) => {
    if (takesFiles(invocation.args)) startAnew(invocation, forManyFiles);
    loadRest().then((rest) => rest.runArchiveRemoteCmd(invocation), fail);
  },
  'archive-status': (invocation) => {
    loadRest().then((rest) => rest.runArchiveStatus(invocation), fail);
  },
  'backup-queue': (invocation) => {
    loadRest().then((rest) => rest.runBackupQueue(invocation), fail);
  },
  'backup-restore': (invocation) => {
    loadRest().then((rest) => rest.runBackupRestore(invocation), fail);
  },
  'backup-verify': (invocation) => {
    loadRest().then((rest) => rest.runBackupVerify(invocation), fail);
  },
  'base-backup': (invocation) => {
    loadRest().then((rest) => rest.runBaseBackup(invocation), fail);
  },
  restore_cmd: (invocation) =>
    restoreCmd(invocation, async () => {
      const { runRestoreCmd, deliverAcross } = await loadRest();
      return { run: runRestoreCmd, deliverAcross };
    }),
  'wal-cleanup': (invocation) => {
    loadRest().then((rest) => rest.runWalCleanup(invocation), fail);
  },
  'wal-sync': (invocation) => {
    loadRest().then((rest) => rest.runWalSync(invocation), fail);
  },
};

function start(invocation: Invocation): void {
  const [calledName = '', ...args] = invocation.args;
  const command = Object.hasOwn(commands, invocation.calledName) ? commands[invocation.calledName] : undefined;
  if (command !== undefined) command(invocation);
  else if (Object.hasOwn(commands, calledName)) start({ ...invocation, calledName, args });
  else loadRest().then((rest) => rest.runUnknownCommand(invocation, Object.keys(commands)), fail);
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
