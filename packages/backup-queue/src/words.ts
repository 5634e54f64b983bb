import { usageFailure } from '@archive2/core/cli/arguments.ts';
import { optionalText } from '@archive2/core/cli/option-values.ts';
import { parseTaskKind, type TaskKind } from '@archive2/core/queue/task-kind.ts';
import type { Call } from './form.ts';

const command = { command: 'backup-queue' };

/** The one word of a form that takes a cluster's name. Throws `usage`. */
export function clusterWord({ words }: Call): string {
  const [name, ...rest] = words;
  if (name === undefined || name === '') throw usageFailure(command, "the cluster's name is missing");
  refuseWords(rest);
  return name;
}

/** The word of a form that may be called with a cluster's name, or without. Throws `usage`. */
export function optionalClusterWord({ words }: Call): string | undefined {
  const [name, ...rest] = words;
  refuseWords(rest);
  return name;
}

export function refuseWords([extra]: readonly string[]): void {
  if (extra !== undefined) throw usageFailure(command, `${JSON.stringify(extra)} is one word too many`);
}

export function kindOf(options: Record<string, unknown>): TaskKind {
  return parseTaskKind(optionalText(options, 'kind') ?? 'base');
}

/** `--kind` where none stands for all. */
export function optionalKindOf(options: Record<string, unknown>): TaskKind | undefined {
  const text = optionalText(options, 'kind');
  return text === undefined ? undefined : parseTaskKind(text);
}

/** A list with commas; empty parts are left out. */
export function listOf(text: string): string[] {
  return text.split(',').flatMap((part) => part.trim() || []);
}
