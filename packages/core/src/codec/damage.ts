import { Failure } from '../base/failure.ts';

/** A stored file that is not what was stored: "the stored file <what>". */
export function damaged(what: string, cause?: unknown): Failure {
  return new Failure('damaged', `the stored file ${what}`, {
    hint: 'Take the copy on the other archive host: pushing that content again replaces a damaged file.',
    cause,
  });
}
