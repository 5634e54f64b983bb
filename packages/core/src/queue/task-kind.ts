import { Failure } from '../base/failure.ts';

/** What a task makes. `base` is served now; the queue schedules each of them by the same rules. */
const taskKinds = ['base', 'incremental', 'dump', 'files', 'verify'] as const;

export type TaskKind = (typeof taskKinds)[number];

/** Throws `usage` for anything else. */
export function parseTaskKind(text: string): TaskKind {
  const kind = taskKinds.find((known) => known === text);
  if (kind === undefined) {
    throw new Failure('usage', `${JSON.stringify(text.slice(0, 40))} is not a kind of task`, {
      hint: `The kinds are ${taskKinds.join(', ')}.`,
    });
  }
  return kind;
}
