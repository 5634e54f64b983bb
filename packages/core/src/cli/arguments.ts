import { Failure } from '../base/failure.ts';
import type { CommandSpec } from './command-spec.ts';
import type { Explained } from './explaining-arguments.ts';
import { parsePlainly } from './plain-arguments.ts';

export interface ParsedArguments {
  /** Words that are no options, as they were given. */
  words: string[];
  options: Record<string, unknown>;
  /** Set when the person asked for help or the version: print it and end with 0. */
  answer: string | undefined;
}

/** Settings from elsewhere, in descending order of precedence after the flags. Keys as in `options`. */
export interface SettingSources {
  environment: Record<string, string>;
  file: Record<string, string>;
}

/**
 * Parses a command line. Flags win over the environment, that over the configuration file, that over defaults. Throws
 * Failure `usage` for anything unknown; where a value comes from the file or the environment, the message says so.
 */
export async function parseArguments(
  spec: CommandSpec,
  args: readonly string[],
  sources: SettingSources = { environment: {}, file: {} },
): Promise<ParsedArguments> {
  const settings = onlyKnown(spec, { ...sources.file, ...sources.environment });
  const plain = parsePlainly(spec, args, settings);
  const { words, options, problem, answer }: Explained =
    plain ?? (await (await import('./explaining-arguments.ts')).parseExplaining(spec, args, settings));
  if (problem !== undefined) throw usageFailure(spec, problem);
  const repeated = Object.keys(options).find(
    (name) => Array.isArray(options[name]) && spec.options[name]?.type !== 'array',
  );
  if (repeated !== undefined) throw usageFailure(spec, `--${repeated} is given more than once`);
  return { words, options, answer };
}

function onlyKnown(spec: CommandSpec, settings: Record<string, string>): Record<string, string> {
  const isSettable = (key: string) => Object.hasOwn(spec.options, key) && (spec.settable?.includes(key) ?? true);
  return Object.fromEntries(Object.entries(settings).filter(([key]) => isSettable(key)));
}

export function usageFailure(spec: Pick<CommandSpec, 'command'>, problem: string): Failure {
  return new Failure('usage', `${spec.command}: ${problem}`, { hint: `See "${spec.command} --help".` });
}
