/** The commands of operators and of cron, as one module. */
export { main as runArchiveStatus } from '@archive2/archive-status/main.ts';
export { main as runBackupQueue } from '@archive2/backup-queue/main.ts';
export { main as runBackupRestore } from '@archive2/backup-restore/main.ts';
export { main as runBackupVerify } from '@archive2/backup-verify/main.ts';
export { main as runBaseBackup } from '@archive2/base-backup/main.ts';
export { main as runWalCleanup } from '@archive2/wal-cleanup/main.ts';
export { main as runWalSync } from '@archive2/wal-sync/main.ts';
export { main as runUnknownCommand } from './unknown-command.ts';
