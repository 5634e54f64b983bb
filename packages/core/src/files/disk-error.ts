import { Failure, systemErrorCode } from '../base/failure.ts';

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const diskCodes = new Set([
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

/** A file system error as the Failure that the other side of a session understands; other errors are returned as is. */
export function toDiskFailure(error: unknown, doing: string): unknown {
  const code = systemErrorCode(error);
  if (code === undefined || error instanceof Failure) return error;
  if (fullCodes.has(code)) {
    return new Failure('disk_full', `no space left while ${doing} (${code})`, {
      cause: error,
      hint: 'Free space or inodes on the archive host; the file goes to the other host meanwhile.',
    });
  }
  if (diskCodes.has(code)) {
    return new Failure('disk_error', `file system error while ${doing} (${code})`, {
      cause: error,
      hint: "Look at the archive host's kernel log, mounts and permissions.",
    });
  }
  return error;
}
