import { Failure, systemErrorCode } from '@archive2/core/base/failure.ts';

/** A file of the archive cannot be put where it is wanted on this server: no host's fault, and no other host helps. */
export class PlaceFailure extends Failure {
  readonly path: string;
  /** The system's code for it, or what was thrown. */
  readonly reason: string;

  constructor(path: string, reason: string, cause?: unknown) {
    const isFull = reason === 'ENOSPC' || reason === 'EDQUOT';
    super(isFull ? 'disk_full' : 'disk_error', `${path} cannot be written (${reason})`, {
      cause,
      hint: 'The archive has the file; make room, or put the permissions right, on this server.',
    });
    this.path = path;
    this.reason = reason;
  }

  static of(path: string, cause: unknown): PlaceFailure {
    return new PlaceFailure(path, systemErrorCode(cause) ?? String(cause), cause);
  }
}
