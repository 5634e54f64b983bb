import { Failure, systemErrorCode } from '../../base/failure.ts';
import type { FailureCode } from '../../base/failure-table.ts';
import { diskTrouble } from '../../files/disk-error.ts';
import type { BackupCopy } from './extraction.ts';

/** What nobody said is wrong with a restore's target or its tablespaces; nothing was touched. */
export function refused(what: string, hint: string): Failure {
  return new Failure('restore_refused', what, { hint });
}

/** The Failure of a file of a backup that is not what it should be; other errors are returned as they are. */
export function toBackupDamage(error: unknown, { source }: BackupCopy, file: string): unknown {
  if (!(error instanceof Failure) || (error.code !== 'backup_damaged' && error.code !== 'damaged')) return error;
  return new Failure('backup_damaged', `${source.backup} on ${source.host}, ${file}: ${error.message}`, {
    cause: error,
    hint: 'Restore from the other archive host, or an older backup. What was written has no use: the same command removes it.',
    details: { ...error.details, backup: source.backup, host: source.host, file },
  });
}

/** An error of the file system that a restore writes to, as a Failure; other errors are returned as they are. */
export function toTargetFailure(error: unknown, directory: string): unknown {
  const trouble = diskTrouble(error);
  if (trouble?.code === 'disk_full') {
    return new Failure('disk_full', `no space left for what is restored to ${directory} (${trouble.systemCode})`, {
      cause: error,
      hint: 'Make room there, or choose another directory, and give the same command again: it begins anew.',
    });
  }
  // EINVAL: what a file system says that cannot write as we do.
  const isFaulty = trouble !== undefined || (!(error instanceof Failure) && systemErrorCode(error) === 'EINVAL');
  if (!isFaulty) return error;
  return new Failure('disk_error', `file system error in ${directory}: ${(error as Error).message}`, {
    cause: error,
    hint: "Look at this machine's kernel log, mounts and permissions, then give the same command again.",
  });
}

/** Errors of this machine's disk are no Failures yet where they are told apart. */
const sourceCodes = new Set<FailureCode>([
  'backup_damaged',
  'deadline',
  'disk_error',
  'host_stalled',
  'host_unreachable',
  'not_found',
  'protocol',
]);

/** True for failures that another copy of the same backup may not have. */
export function isOfTheSource(error: unknown): boolean {
  return error instanceof Failure && sourceCodes.has(error.code);
}
