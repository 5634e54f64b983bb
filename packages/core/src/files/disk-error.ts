import { Failure, systemErrorCode } from '../base/failure.ts';

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const faultyCodes = new Set([
  'EIO',
  'EROFS',
  'EACCES',
  'EPERM',
  'ENODEV',
  'ESTALE',
  'EMFILE',
  'ENFILE',
  'EAGAIN',
  'ENOTDIR',
]);

/** What kind of trouble with a disk an error is; undefined for any other error, and for what is a Failure already. */
export function diskTrouble(error: unknown): { code: 'disk_full' | 'disk_error'; systemCode: string } | undefined {
  const systemCode = error instanceof Failure ? undefined : systemErrorCode(error);
  if (systemCode === undefined) return undefined;
  if (fullCodes.has(systemCode)) return { code: 'disk_full', systemCode };
  return faultyCodes.has(systemCode) ? { code: 'disk_error', systemCode } : undefined;
}

/** A file system error as the Failure that the other side of a session understands; other errors are returned as is. */
export function toDiskFailure(error: unknown, doing: string): unknown {
  const trouble = diskTrouble(error);
  if (trouble === undefined) return error;
  const { code, systemCode } = trouble;
  if (code === 'disk_full') {
    return new Failure(code, `no space left while ${doing} (${systemCode})`, {
      cause: error,
      hint: 'Free space or inodes on the archive host; the file goes to the other host meanwhile.',
    });
  }
  return new Failure(code, `file system error while ${doing} (${systemCode})`, {
    cause: error,
    hint: "Look at the archive host's kernel log, mounts and permissions.",
  });
}
