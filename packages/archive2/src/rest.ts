/**
 * All that is not the hot path, as one module: the executable has two files then, and a call that needs only the first does not pay
 * for a table of many.
 */
export { run as runArchiveCmd } from '@archive2/archive_cmd/run.ts';
export { main as runArchiveRemoteCmd } from '@archive2/archive_remote_cmd/main.ts';
export { main as runArchiveStatus } from '@archive2/archive-status/main.ts';
export { main as runBackupQueue } from '@archive2/backup-queue/main.ts';
export { main as runBackupRestore } from '@archive2/backup-restore/main.ts';
export { main as runBackupVerify } from '@archive2/backup-verify/main.ts';
export { main as runBaseBackup } from '@archive2/base-backup/main.ts';
export { deliverAcross, run as runRestoreCmd } from '@archive2/restore_cmd/run.ts';
export { main as runWalCleanup } from '@archive2/wal-cleanup/main.ts';
export { main as runWalSync } from '@archive2/wal-sync/main.ts';
export { main as runUnknownCommand } from './unknown-command.ts';
