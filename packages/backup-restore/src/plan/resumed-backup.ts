import type { Candidate } from './restore-plan.ts';
import type { RestoreWish } from './restore-wish.ts';

/**
 * The wish for the very backup that an interrupted restore was of, so that what is there is used although a newer backup was taken
 * since; undefined when no host has it any more, or another one was named. Pure.
 */
export function resumedWish(
  wish: RestoreWish,
  left: { backup: string; manifestSha256: string | undefined } | undefined,
  candidates: readonly Candidate[],
): RestoreWish | undefined {
  if (left === undefined || wish.backup !== undefined) return undefined;
  const found = candidates.find(
    ({ backup }) => backup.name === left.backup && backup.manifestSha256 === left.manifestSha256,
  );
  if (found === undefined) return undefined;
  return { ...wish, backup: { host: found.place.name, name: found.backup.name } };
}
