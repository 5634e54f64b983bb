import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';

/** A file of the archive cannot be put where it is wanted on this server: no host's fault, and no other host helps. */
export class PlaceFailure extends Failure {
  constructor(path: string, cause: unknown) {
    const code = systemErrorCode(cause);
    const isFull = code === 'ENOSPC' || code === 'EDQUOT';
    super(isFull ? 'disk_full' : 'disk_error', `${path} cannot be written (${code ?? String(cause)})`, {
      cause,
      hint: 'The archive has the file; make room, or put the permissions right, on this server.',
    });
  }
}
