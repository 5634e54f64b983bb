import { Failure } from '../base/failure.ts';

/**
 * A step of a store's schema. Steps are only ever appended; one that has been released is never changed. A `breaking` one makes
 * programs that don't know it unable to work with the store: they refuse. The others leave older programs working.
 */
export interface Migration {
  number: number;
  name: string;
  isBreaking: boolean;
  sql: string;
}

/** A step that a store has seen, by its table `migration`. */
export type AppliedMigration = Pick<Migration, 'number' | 'name' | 'isBreaking'>;

/** The steps that a store still needs. Throws `queue_version` when a newer program has made a breaking one. Pure. */
export function missingMigrations(known: readonly Migration[], applied: readonly AppliedMigration[]): Migration[] {
  const latest = Math.max(0, ...known.map(({ number }) => number));
  const breaking = applied.find(({ number, isBreaking }) => number > latest && isBreaking);
  if (breaking !== undefined) {
    throw new Failure(
      'queue_version',
      `a newer program has changed the queue: step ${breaking.number}, ${breaking.name}`,
      {
        hint: `This program knows the steps up to ${latest}. Install the release that the other machines have.`,
      },
    );
  }
  const done = new Set(applied.map(({ number }) => number));
  return known.filter(({ number }) => !done.has(number));
}

/** Throws `queue_version` unless the store has all steps of this program, and none that it can't live with. */
export function checkMigrations(known: readonly Migration[], applied: readonly AppliedMigration[]): void {
  const [first] = missingMigrations(known, applied);
  if (first === undefined) return;
  const what = applied.length === 0 ? 'the queue is not set up' : `the queue lacks step ${first.number}, ${first.name}`;
  throw new Failure('queue_version', what, { hint: 'Run "backup-queue init".' });
}
