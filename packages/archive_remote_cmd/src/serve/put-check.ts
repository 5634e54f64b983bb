import { Failure } from '@archive2/core/base/failure.ts';
import type { Right } from '@archive2/core/protocol/messages.ts';

/** Throws Failure `not_allowed` unless the session's key has one of the rights. */
export function checkRight(rights: ReadonlySet<Right>, wanted: readonly Right[], doing: string): void {
  if (wanted.some((right) => rights.has(right))) return;
  const given = [...rights].join(',') || 'none';
  throw new Failure('not_allowed', `this key may not ${doing} (its rights: ${given})`, {
    hint: `Add one of ${wanted.join(', ')} to --allow in the key's authorized_keys line, if that is meant.`,
  });
}

/** A forwarded file is not forwarded again, so only the peer may say that of a file. */
export function checkPutAllowed(rights: ReadonlySet<Right>, forwarded: boolean): void {
  if (forwarded) checkRight(rights, ['sync'], 'put files as the peer');
  else checkRight(rights, ['put'], 'put files');
}
