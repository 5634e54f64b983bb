import yargs, { type Argv, type Options } from 'yargs';
import { Failure } from '../base/failure.ts';

/** One command line form of a command, for yargs and for its help. */
export interface CommandSpec {
  /** The name it is called by. */
  command: string;
  /** Usage lines, without the command's name. */
  usage: readonly string[];
  summary: string;
  options: Record<string, Options>;
  /** The options that may also come from the environment and the settings file; default: all. */
  settable?: readonly string[];
  /** What each exit status means, for the help's EXIT STATUS section. */
  exitStatus: ReadonlyArray<readonly [status: string, meaning: string]>;
  examples?: ReadonlyArray<readonly [line: string, what: string]>;
  version: string;
}

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
  let problem: string | undefined;
  let answer: string | undefined;
  const parser = describe(spec)
    .exitProcess(false)
    .fail((message, error) => {
      problem ??= message ?? error.message;
    });
  const settings = { ...sources.file, ...sources.environment };
  const parsed = await parser.config(onlyKnown(spec, settings)).parseAsync([...args], {}, (_error, _argv, output) => {
    if (output !== '' && problem === undefined) answer = output;
  });
  if (problem !== undefined) throw usageFailure(spec, problem);
  const { _: words, $0: _name, ...options } = parsed;
  const repeated = Object.keys(options).find((name) => Array.isArray(options[name]) && !isList(spec, name));
  if (repeated !== undefined) throw usageFailure(spec, `--${repeated} is given more than once`);
  return { words: words.map(String), options, answer: answer === undefined ? undefined : `${answer}\n` };
}

/** yargs gives options with dashes a second time, in camel case. */
function isList(spec: CommandSpec, name: string): boolean {
  const dashed = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return spec.options[dashed]?.type === 'array';
}

function mayRepeat(spec: CommandSpec): boolean {
  return Object.keys(spec.options).some((name) => isList(spec, name));
}

function describe(spec: CommandSpec): Argv {
  const width = Math.max(...spec.exitStatus.map(([status]) => status.length)) + 2;
  const statuses = spec.exitStatus.map(([status, meaning]) => `  ${status.padEnd(width)}${meaning}`);
  const parser = yargs([])
    .scriptName(spec.command)
    .usage(`${spec.summary}\n\n${spec.usage.map((line) => `  ${spec.command} ${line}`).join('\n')}`)
    .options(spec.options)
    .parserConfiguration({
      'parse-numbers': false,
      'parse-positional-numbers': false,
      // Only then are the earlier values kept for the options that may be repeated.
      'duplicate-arguments-array': mayRepeat(spec),
    })
    .strictOptions()
    .version(`${spec.command} (archive2) ${spec.version}`)
    .help()
    .alias('help', 'h')
    .wrap(100)
    .epilogue(`EXIT STATUS\n${statuses.join('\n')}`);
  for (const [line, what] of spec.examples ?? []) parser.example(line, what);
  return parser;
}

function onlyKnown(spec: CommandSpec, settings: Record<string, string>): Record<string, string> {
  const isSettable = (key: string) => Object.hasOwn(spec.options, key) && (spec.settable?.includes(key) ?? true);
  return Object.fromEntries(Object.entries(settings).filter(([key]) => isSettable(key)));
}

export function usageFailure(spec: Pick<CommandSpec, 'command'>, problem: string): Failure {
  return new Failure('usage', `${spec.command}: ${problem}`, { hint: `See "${spec.command} --help".` });
}
